//! Names of environment variables.

/// The variable of a key: `link.idle-timeout` is `LANDMARK_AGENT_LINK_IDLE_TIMEOUT`.
pub(super) fn variable(prefix: &str, key: &str) -> String {
    let name: String =
        key.chars().map(|c| if matches!(c, '.' | '-') { '_' } else { c.to_ascii_uppercase() }).collect();
    format!("{prefix}_{name}")
}

/// Whether a variable begins with our prefix and an underscore.
pub(super) fn is_ours(prefix: &str, name: &str) -> bool {
    after_prefix(prefix, name).is_some()
}

/// Whether a variable announces a service of our name.
///
/// Kubernetes sets such variables for every service of a namespace, and Docker did for linked containers: a service
/// called `landmark-server` makes `LANDMARK_SERVER_PORT`, and must not keep the daemon of that name from starting.
/// <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>
pub(super) fn is_service_link(prefix: &str, name: &str) -> bool {
    let Some(rest) = after_prefix(prefix, name) else { return false };
    match rest.split('_').collect::<Vec<_>>().as_slice() {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] | ["PORT"] => true,
        ["PORT", number, protocol, rest @ ..] => {
            number.parse::<u16>().is_ok()
                && matches!(*protocol, "TCP" | "UDP" | "SCTP")
                && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        _ => false,
    }
}

fn after_prefix<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(prefix)?.strip_prefix('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_the_key_in_capitals() {
        assert_eq!(variable("LANDMARK_AGENT", "link.idle-timeout"), "LANDMARK_AGENT_LINK_IDLE_TIMEOUT");
    }

    #[test]
    fn only_a_whole_word_is_our_prefix() {
        assert!(is_ours("LANDMARK_AGENT", "LANDMARK_AGENT_STATE"));
        assert!(!is_ours("LANDMARK_AGENT", "LANDMARK_AGENTS_STATE"));
        assert!(!is_ours("LANDMARK_AGENT", "LANDMARK_AGENT"));
        assert!(!is_ours("LANDMARK_AGENT", "LANDMARK_SERVER_STATE"));
    }

    #[test]
    fn knows_the_variables_of_a_service_of_our_name() {
        for name in [
            "APP_SERVICE_HOST",
            "APP_SERVICE_PORT",
            "APP_SERVICE_PORT_AGENTS",
            "APP_PORT",
            "APP_PORT_7443_TCP",
            "APP_PORT_7443_TCP_PROTO",
            "APP_PORT_7443_TCP_PORT",
            "APP_PORT_7443_TCP_ADDR",
        ] {
            assert!(is_service_link("APP", name), "{name}");
        }
        for name in ["APP_SERVICE", "APP_PORTS", "APP_PORT_X_TCP", "APP_PORT_1_TCP_X", "OTHER_PORT"] {
            assert!(!is_service_link("APP", name), "{name}");
        }
    }
}
