//! Identities: the authority, certificates, join tokens, enrolment.
