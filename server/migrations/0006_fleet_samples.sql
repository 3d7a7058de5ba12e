-- How many agents were where, over time. A row holds until the next one; what is older than a few hours is thinned, so
-- that there are never more than a few thousand. Times are microseconds since 1970 (UTC).
CREATE TABLE fleet_sample (
    at         BIGINT  NOT NULL PRIMARY KEY,
    n_internal BIGINT  NOT NULL,
    n_external BIGINT  NOT NULL,
    n_unknown  BIGINT  NOT NULL,
    -- Of all three.
    n_online   BIGINT  NOT NULL,
    -- The server stopped here: nothing is known until the next row.
    stopped    BOOLEAN NOT NULL
);
