-- What agents say of their machine for conditions of firewall profiles. Agents of before have not said it.

-- linux, windows or macos; NULL where it is not known.
ALTER TABLE agent ADD COLUMN platform TEXT;
-- KEY=VALUE with blanks between them, which neither has.
ALTER TABLE agent ADD COLUMN labels TEXT NOT NULL DEFAULT '';
