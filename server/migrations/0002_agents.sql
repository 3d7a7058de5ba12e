-- Agents, their tokens and their history. Times are microseconds since 1970 (UTC); ids are their 16 bytes. Columns that
-- are named after a message of the contract hold it encoded: the contract only grows, so that old rows stay readable.

-- A token that makes machines agents. Of its secret only the SHA-256 is kept.
CREATE TABLE join_token (
    token_id    BLOB    NOT NULL PRIMARY KEY CHECK (length(token_id) = 16),
    secret_hash BLOB    NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    description TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    created_by  TEXT    NOT NULL,
    expires_at  BIGINT  NOT NULL,
    max_uses    BIGINT  NOT NULL CHECK (max_uses > 0),
    n_uses      BIGINT  NOT NULL CHECK (n_uses BETWEEN 0 AND max_uses),
    revoked_at  BIGINT
);

-- Every agent that was ever enrolled. A removed one stays, without its history: its certificate is refused.
CREATE TABLE agent (
    agent_id               BLOB    NOT NULL PRIMARY KEY CHECK (length(agent_id) = 16),
    -- The SHA-256 of its key's SubjectPublicKeyInfo.
    key_pin                BLOB    NOT NULL CHECK (length(key_pin) = 32),
    token_id               BLOB    NOT NULL REFERENCES join_token (token_id),
    enrolled_at            BIGINT  NOT NULL,
    removed_at             BIGINT,
    certificate_expires_at BIGINT  NOT NULL,
    host_name              TEXT    NOT NULL,
    operating_system       TEXT    NOT NULL,
    kernel                 TEXT    NOT NULL,
    architecture           TEXT    NOT NULL,
    agent_version          TEXT    NOT NULL,
    -- Of its last session.
    epoch                  BIGINT  NOT NULL DEFAULT 0,
    -- The last boots, newest first, 16 bytes each.
    boots                  BLOB    NOT NULL DEFAULT x'',
    cloned                 BOOLEAN NOT NULL DEFAULT FALSE,
    peer_address           TEXT,
    -- When its last session began or ended.
    connection_since       BIGINT,
    held_revision          BIGINT,
    held_digest            BLOB    CHECK (length(held_digest) = 32),
    -- The last refusal.
    assignment_result      BLOB,
    enforcement_status     BLOB,
    location_report        BLOB,
    location_reported_at   BIGINT,
    n_history_lost         BIGINT  NOT NULL DEFAULT 0,
    -- The place of its next record in the history.
    next_position          BIGINT  NOT NULL DEFAULT 0
);

CREATE INDEX agent_by_key ON agent (key_pin);

-- How far each life of an agent's outbox is committed.
CREATE TABLE outbox (
    agent_id      BLOB   NOT NULL REFERENCES agent (agent_id),
    outbox_id     BLOB   NOT NULL CHECK (length(outbox_id) = 16),
    next_sequence BIGINT NOT NULL,
    used_at       BIGINT NOT NULL,
    PRIMARY KEY (agent_id, outbox_id)
);

-- Changes of location, as agents recorded them. Positions count per agent, so that the newest ones can be kept cheaply.
CREATE TABLE history (
    agent_id        BLOB   NOT NULL REFERENCES agent (agent_id),
    position        BIGINT NOT NULL,
    received_at     BIGINT NOT NULL,
    location_report BLOB   NOT NULL,
    PRIMARY KEY (agent_id, position)
);
