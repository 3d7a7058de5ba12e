-- The fleet, its draft and its assignments. Times are microseconds since 1970 (UTC); ids are their 16 bytes.

-- Made at the first start, never changed. The pin is the SHA-256 of the authority's SubjectPublicKeyInfo, absent until
-- there is an authority.
CREATE TABLE fleet (
    singleton     INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    fleet_id      BLOB    NOT NULL CHECK (length(fleet_id) = 16),
    created_at    BIGINT  NOT NULL,
    authority_pin BLOB    CHECK (length(authority_pin) = 32)
);

-- The number of the last assignment: updated in the assigning transaction, so that numbers have no gaps and become
-- visible in the order of commits.
CREATE TABLE revision_counter (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    last      BIGINT  NOT NULL CHECK (last >= 0)
);

-- Immutable snapshots. `settings` are the exact bytes that are pushed, `digest` their SHA-256; the last two columns
-- repeat what the bytes say, for lists.
CREATE TABLE assignment (
    revision            BIGINT  NOT NULL PRIMARY KEY CHECK (revision > 0),
    digest              BLOB    NOT NULL CHECK (length(digest) = 32),
    settings            BLOB    NOT NULL,
    assigned_at         BIGINT  NOT NULL,
    assigned_by         TEXT    NOT NULL,
    note                TEXT    NOT NULL,
    again_of            BIGINT  REFERENCES assignment (revision),
    n_reference_servers INTEGER NOT NULL,
    list_enabled        BOOLEAN NOT NULL
);

CREATE TRIGGER assignment_is_never_changed BEFORE UPDATE ON assignment
BEGIN
    SELECT RAISE(ABORT, 'an assignment is never changed');
END;

CREATE TRIGGER assignment_is_never_deleted BEFORE DELETE ON assignment
BEGIN
    SELECT RAISE(ABORT, 'an assignment is never deleted');
END;

-- The settings as saved. `n_changes` with the digest makes the etag.
CREATE TABLE draft (
    singleton  INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    n_changes  BIGINT  NOT NULL CHECK (n_changes >= 0),
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    settings   BLOB    NOT NULL,
    changed_at BIGINT,
    changed_by TEXT
);
