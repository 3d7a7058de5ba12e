//! `landmarkctl servers lint`, and the same before an assignment.

use serde::Serialize;
use tonic::Code;

use super::Run;
use crate::client::{CallError, Client};
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::findings::{count, finding_line, findings};
use crate::view::finding::Finding;

#[derive(Serialize)]
struct Document<'a> {
    findings: &'a [Finding],
}

pub(super) async fn run(run: &Run, strict: bool) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let list = client.lint().await.map_err(|error| refused("look at the draft", error, &Origins::none()))?;
    run.out.result(&Document { findings: &list }, || findings(&list))?;
    if list.is_empty() {
        run.out.remark("nothing in the draft is doubtful");
        return Ok(Exit::Done);
    }
    run.out.remark(format!("{}; these are warnings, nothing is refused for them", count(list.len())));
    Ok(if strict { Exit::Doubtful } else { Exit::Done })
}

/// Warns before the draft is assigned, and is no reason not to: a server that cannot tell is told as that. `None`: it
/// could not.
pub(super) async fn warn(run: &Run, client: &mut Client) -> Option<Vec<Finding>> {
    match client.lint().await {
        Ok(list) => {
            for finding in &list {
                run.out.warning(finding_line(finding));
            }
            Some(list)
        }
        // A server of an older version.
        Err(CallError::Refused(refusal)) if refusal.code == Code::Unimplemented => None,
        Err(error) => {
            run.out.warning(format!("whether anything in the draft is doubtful could not be told: {error}"));
            None
        }
    }
}
