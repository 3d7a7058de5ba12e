//! An answer that goes on for long ends when its caller loses the right to it: a stream of agents outlives no token.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tonic::Status;

use crate::admin::error::AdminError;

/// The rest of an answer.
struct Lasting {
    body: Body,
    lost: Pin<Box<dyn Future<Output = AdminError> + Send>>,
    is_lost: bool,
}

/// The same answer, until its caller has lost the right to it.
pub(super) fn until(body: Body, lost: impl Future<Output = AdminError> + Send + 'static) -> Body {
    // A refusal has nothing but headers, and is over.
    if body.is_end_stream() {
        return body;
    }
    Body::new(Lasting { body, lost: Box::pin(lost), is_lost: false })
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_lost {
            return Poll::Ready(None);
        }
        // What is there goes out: the answer to a call that ends the caller's own right is still an answer.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let Poll::Ready(reason) = self.lost.as_mut().poll(context) else { return Poll::Pending };
        self.is_lost = true;
        let mut trailers = http::HeaderMap::new();
        Poll::Ready(match Status::from(reason).add_header(&mut trailers) {
            Ok(()) => Some(Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(axum::Error::new(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_lost || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
