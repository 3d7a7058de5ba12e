-- What agents saw when their location changed, or when they were asked to look again: the newest few of each. Times are
-- microseconds since 1970 (UTC); `evidence` is the message of the contract, encoded.
CREATE TABLE agent_evidence (
    agent_id    BLOB    NOT NULL REFERENCES agent (agent_id),
    -- By the agent's clock; with the number of the evaluation, which each of its processes counts from 1, a name.
    started_at  BIGINT  NOT NULL,
    evaluation  BIGINT  NOT NULL,
    -- Counts what came, per agent: an agent's clock says nothing about what is newer.
    position    BIGINT  NOT NULL,
    received_at BIGINT  NOT NULL,
    -- Whether the verdict followed from the rest, by the rules at the time.
    follows     BOOLEAN NOT NULL,
    evidence    BLOB    NOT NULL,
    PRIMARY KEY (agent_id, started_at, evaluation)
);
