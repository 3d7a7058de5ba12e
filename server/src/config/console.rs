//! How long people stay signed in to the console.

use landmark_daemon::config::Reader;

use super::{DAY, HOUR, MINUTE};
use crate::access::SessionLimits;

/// Declares all of it.
pub(super) fn declare(r: &mut Reader) -> SessionLimits {
    let default = SessionLimits::default();
    let idle_key = "console.session-idle";
    let limits = SessionLimits {
        idle: r.duration(
            idle_key,
            default.idle,
            5 * MINUTE..=DAY,
            "After this time without use, people have to sign in to the console again.",
        ),
        life: r.duration(
            "console.session-life",
            default.life,
            HOUR..=30 * DAY,
            "After this time people have to sign in to the console again, however busy they are.",
        ),
    };
    if limits.idle > limits.life {
        r.problem(idle_key, "is longer than console.session-life".to_owned());
    }
    limits
}
