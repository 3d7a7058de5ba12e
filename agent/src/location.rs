//! Where this machine is (being written).
