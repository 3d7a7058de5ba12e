//! Which name may have been meant by one that does not exist.

/// The candidate nearest to `name`, if it is near enough to be a slip of the hand, or has the same last part.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + name.chars().count() / 5 || last_part(name) == last_part(candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// How many characters were left out, added, replaced, or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_hand_gets_wrong() {
        assert_eq!(distance("link", "link"), 0);
        assert_eq!(distance("lnik", "link"), 1);
        assert_eq!(distance("lik", "link"), 1);
        assert_eq!(distance("linnk", "link"), 1);
        assert_eq!(distance("lenk", "link"), 1);
        assert_eq!(distance("", "link"), 4);
        assert_eq!(distance("link", ""), 4);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_a_slip_and_a_forgotten_table_but_nothing_far() {
        let keys = ["link.idle-timeout", "link.dial-timeout", "log.format"];
        let meant = |name| nearest(name, keys.into_iter());
        assert_eq!(meant("link.idle_timeout"), Some("link.idle-timeout"));
        assert_eq!(meant("idle-timeout"), Some("link.idle-timeout"));
        assert_eq!(meant("logs.format"), Some("log.format"));
        assert_eq!(meant("colour"), None);
    }
}
