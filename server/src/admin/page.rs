//! Pages of lists.

use super::error::AdminError;

const DEFAULT: u32 = 100;
const MAX: u32 = 1000;

/// How many rows a page has, 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageSize(u32);

impl PageSize {
    /// 0 is the default.
    pub(super) fn from_wire(size: u32) -> Result<Self, AdminError> {
        match size {
            0 => Ok(Self(DEFAULT)),
            1..=MAX => Ok(Self(size)),
            _ => Err(AdminError::field(
                "page_size",
                format!("{size} is too large (1 to {MAX}; 0 for {DEFAULT})"),
            )),
        }
    }

    /// The number.
    pub(super) fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// What to ask for, to learn whether there is more.
    pub(super) fn and_one(self) -> u32 {
        self.0 + 1
    }

    /// The rows of the page; when there are more, the last of it, where the next one goes on.
    pub(super) fn split<T: Clone>(self, mut rows: Vec<T>) -> (Vec<T>, Option<T>) {
        let is_full = rows.len() > self.get();
        rows.truncate(self.get());
        let last = if is_full { rows.last().cloned() } else { None };
        (rows, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_there_is_more() {
        let size = PageSize::from_wire(2).unwrap();
        assert_eq!(size.and_one(), 3);
        assert_eq!(size.split(vec![1, 2, 3]), (vec![1, 2], Some(2)));
        assert_eq!(size.split(vec![1, 2]), (vec![1, 2], None));
        assert_eq!(size.split(Vec::<u8>::new()), (vec![], None));
    }

    #[test]
    fn a_page_has_1_to_1000_rows() {
        assert_eq!(PageSize::from_wire(0).unwrap(), PageSize(100));
        assert!(PageSize::from_wire(1000).is_ok());
        assert_eq!(
            PageSize::from_wire(1001).unwrap_err().to_string(),
            "page_size: 1001 is too large (1 to 1000; 0 for 100)"
        );
    }
}
