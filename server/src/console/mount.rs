//! Puts handlers behind the gate: each route with the access that `crate::access::grants` declares, and with none that it
//! does not declare, which is a route for nobody.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::problem::Problem;
use super::{Console, gate};
use crate::access::{Access, ROUTES, Verb};

/// The router while it is made.
pub(super) struct Mount {
    console: Console,
    router: Router<Console>,
    mounted: Vec<(Verb, &'static str)>,
}

impl Mount {
    pub(super) fn new(console: Console) -> Self {
        Self { console, router: Router::new(), mounted: Vec::new() }
    }

    /// A page, or a part of one.
    pub(super) fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Console>,
        T: 'static,
    {
        self.route(Verb::Get, path, get(handler))
    }

    /// Something that changes what is there.
    pub(super) fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Console>,
        T: 'static,
    {
        self.route(Verb::Post, path, post(handler))
    }

    fn route(mut self, verb: Verb, path: &'static str, handler: MethodRouter<Console>) -> Self {
        let entry = gate::Entry { console: self.console.clone(), access: access_of(verb, path) };
        self.router = self.router.route(path, handler.layer(from_fn_with_state(entry, gate::admit)));
        self.mounted.push((verb, path));
        self
    }

    /// Every route, in the order in which they were mounted.
    #[cfg(test)]
    pub(super) fn mounted(&self) -> &[(Verb, &'static str)] {
        &self.mounted
    }

    /// The router; what nobody mounted is not found.
    pub(super) fn finish(self) -> Router {
        let nobody = gate::Entry { console: self.console.clone(), access: Some(Access::SignedIn) };
        self.router
            .fallback_service(
                Router::new()
                    .fallback(async || Problem::NotFound)
                    .layer(from_fn_with_state(nobody, gate::admit)),
            )
            .with_state(self.console)
    }
}

fn access_of(verb: Verb, path: &str) -> Option<Access> {
    ROUTES.iter().find(|(v, p, _)| (*v, *p) == (verb, path)).map(|(_, _, access)| *access)
}
