-- Who may administer. Times are microseconds since 1970 (UTC); ids are their 16 bytes. Of every secret only a hash is kept.

-- People. Whoever is removed is gone, with sessions and tokens: a name that is used again begins anew.
CREATE TABLE account (
    name                 TEXT    NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64 AND name <> 'admin-token'),
    role                 TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator')),
    disabled             BOOLEAN NOT NULL DEFAULT FALSE,
    -- Argon2id, as a PHC string.
    password_hash        TEXT    NOT NULL,
    -- It was made by someone else.
    must_change_password BOOLEAN NOT NULL,
    created_at           BIGINT  NOT NULL,
    created_by           TEXT    NOT NULL,
    last_signed_in_at    BIGINT
);

-- What programs show, and landmarkctl after signing in.
CREATE TABLE api_token (
    token_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(token_id) = 16),
    secret_hash  BLOB    NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    -- NULL: made with the token of the first start.
    account      TEXT    REFERENCES account (name),
    -- Made by signing in, so that it ends as sessions do when the password changes.
    by_sign_in   BOOLEAN NOT NULL,
    description  TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator')),
    created_at   BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    -- To the hour.
    last_used_at BIGINT,
    revoked_at   BIGINT
);

CREATE INDEX api_token_by_account ON api_token (account);

-- Browsers that are signed in to the console.
CREATE TABLE session (
    -- The SHA-256 of its cookie.
    session_key BLOB   NOT NULL PRIMARY KEY CHECK (length(session_key) = 32),
    account     TEXT   NOT NULL REFERENCES account (name),
    created_at  BIGINT NOT NULL,
    -- To the minute.
    used_at     BIGINT NOT NULL
);

CREATE INDEX session_by_account ON session (account);
