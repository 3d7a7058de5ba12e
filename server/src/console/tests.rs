use super::testing::Pages;
use crate::access::ROUTES;

#[tokio::test]
async fn every_route_that_is_mounted_says_whom_it_is_for() {
    let pages = Pages::new().await;
    let mount = super::mounted(pages.console.clone());
    assert!(mount.mounted().len() > 20);
    for route in mount.mounted() {
        let (verb, path) = route;
        assert!(ROUTES.iter().any(|(v, p, _)| (v, p) == (verb, path)), "{verb:?} {path} is not declared");
        assert_eq!(mount.mounted().iter().filter(|other| *other == route).count(), 1, "{verb:?} {path}");
    }
}
