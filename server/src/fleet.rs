//! The fleet: sessions, registry, presence, progress, reports.
