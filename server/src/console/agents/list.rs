//! The table of agents: searched, filtered and sorted by the server, a page at a time, as fresh as the fleet.

use askama::Template;
use axum::extract::State;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Redirect, Response};
use landmark_proto::wire;

use super::query::{CONNECTIONS, ENFORCEMENTS, LOCATIONS, Query, STATES};
use super::row::{Row, mark_namesakes};
use crate::admin::AdminError;
use crate::console::Console;
use crate::console::format::Number;
use crate::console::layout::{Layout, Section, part as part_of, shown};
use crate::console::problem::Problem;
use crate::console::visit::{Visit, is_by_itself};

#[derive(Template)]
#[template(path = "agents/list.html")]
struct Page {
    layout: Layout,
    query: Query,
    table: Table,
}

#[derive(Template)]
#[template(path = "agents/table.html")]
struct Table {
    query: Query,
    rows: Vec<Row>,
    n_matching: Number,
    n_agents: Number,
    next: Option<Query>,
    may_join: bool,
}

/// A column that can be sorted by.
struct Column {
    name: &'static str,
    title: &'static str,
    class: &'static str,
}

const COLUMNS: [Column; 7] = [
    Column { name: "name", title: "Name", class: "" },
    Column { name: "connection", title: "Connection", class: "" },
    Column { name: "location", title: "Location", class: "" },
    Column { name: "since", title: "Since", class: "" },
    Column { name: "revision", title: "Assignment", class: "" },
    Column { name: "enforcement", title: "Enforcement", class: "" },
    Column { name: "seen", title: "Last seen", class: "" },
];

/// The whole page.
pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let query = Query::read(&visit.query);
    let layout = console.layout(&visit, Section::Agents, "Agents").await?;
    let layout = Layout { topics: "fleet".to_owned(), ..layout };
    let table = match table(&console, &visit, &query).await {
        // The page that an old address means is not there any more, or never was.
        Err(Problem::Admin(AdminError::Invalid(_))) if !query.after.is_empty() => {
            return Ok(Redirect::to(&format!("/agents{}", query.first().address())).into_response());
        }
        table => table?,
    };
    shown(&Page { layout, query, table })
}

/// The table alone. Whoever searched or filtered for it finds that in the address of the page, to reload and to share.
pub(super) async fn part(
    State(console): State<Console>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::read(&visit.query);
    let mut response = part_of(&table(&console, &visit, &query).await?)?;
    if !is_by_itself(&headers)
        && let Ok(address) = HeaderValue::try_from(format!("/agents{}", query.address()))
    {
        response.headers_mut().insert(HeaderName::from_static("hx-replace-url"), address);
    }
    Ok(response)
}

async fn table(console: &Console, visit: &Visit, query: &Query) -> Result<Table, Problem> {
    let found = console.admin().agents.list(query.request()).await?;
    let wire::ListAgentsResponse { agents, next_page_token, n_matching } = found;
    let n_agents = console.admin().agents.fleet.registry().n_agents();
    let mut rows: Vec<Row> = agents.into_iter().map(|agent| Row::new(agent, visit.now)).collect();
    mark_namesakes(&mut rows);
    Ok(Table {
        query: query.clone(),
        rows,
        n_matching: Number(n_matching),
        n_agents: Number(u64::try_from(n_agents).unwrap_or(u64::MAX)),
        next: (!next_page_token.is_empty()).then(|| query.next(next_page_token)),
        may_join: visit.may(crate::access::Permission::ManageJoinTokens),
    })
}
