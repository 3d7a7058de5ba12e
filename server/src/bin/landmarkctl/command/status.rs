//! `landmarkctl status`: how the fleet fares.

use super::Run;
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::overview::overview;

pub(super) async fn run(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let fares = client.overview().await;
    let fares = fares.map_err(|error| refused("ask how the fleet fares", error, &Origins::none()))?;
    run.out.result(&fares, || overview(&fares, &run.out.paper()))?;
    match fares.attention.len() {
        0 => run.out.remark("nothing needs attention"),
        1 => run.out.remark("1 thing needs attention"),
        n => run.out.remark(format!("{n} things need attention")),
    }
    Ok(Exit::Done)
}
