//! A certificate for a person who decides whether it is the right one.

use super::Paper;
use super::table::facts;
use crate::view::certificate::Certificate;

/// Facts, the pin last: it is what is copied.
pub(crate) fn certificate(certificate: &Certificate, paper: &Paper) -> String {
    let Certificate {
        host: _,
        port: _,
        address,
        tls,
        pin,
        pin_hex,
        key,
        subject,
        issuer,
        names,
        not_before,
        not_after,
        days_left,
    } = certificate;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let issuer = if issuer == subject { "itself (self-signed)" } else { issuer };
    let left = days_left.map(|days| match days {
        ..0 => "it has ended".to_owned(),
        0 => "less than a day left".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    });
    let day =
        |time: &jiff::Timestamp| time.to_zoned_datetime(paper.zone.clone()).strftime("%Y-%m-%d").to_string();
    let validity = not_before.as_ref().zip(not_after.as_ref()).zip(left);
    let validity = validity.map(|((from, to), left)| format!("{} to {} ({left})", day(from), day(to)));
    facts(&[
        ("seen at", Some(format!("{address}, {tls}"))),
        ("subject", some(subject)),
        ("issuer", some(issuer)),
        ("names", some(&names.join(", "))),
        ("valid", validity),
        ("key", some(key)),
        ("sha256 hex", Some(pin_hex.clone())),
        ("pin", Some(pin.clone())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_stands_under_what_the_certificate_says() {
        let seen = Certificate {
            host: "web.example".into(),
            port: 443,
            address: "10.1.1.5:443".into(),
            tls: "TLS 1.3",
            pin: "sha256:LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM".into(),
            pin_hex: "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683".into(),
            key: "ECDSA P-256".into(),
            subject: "CN=web\u{1b}[2J".into(),
            issuer: "CN=web\u{1b}[2J".into(),
            names: vec!["web.example".into(), "10.1.1.5".into()],
            not_before: "2026-01-01T00:00:00Z".parse().ok(),
            not_after: "2026-12-01T00:00:00Z".parse().ok(),
            days_left: Some(5),
        };
        insta::assert_snapshot!(certificate(&seen, &Paper::for_tests(None)), @r"
        seen at:     10.1.1.5:443, TLS 1.3
        subject:     CN=web\u{1b}[2J
        issuer:      itself (self-signed)
        names:       web.example, 10.1.1.5
        valid:       2026-01-01 to 2026-12-01 (5 days left)
        key:         ECDSA P-256
        sha256 hex:  2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683
        pin:         sha256:LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM
        ");
    }
}
