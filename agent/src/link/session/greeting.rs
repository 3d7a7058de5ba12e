//! The beginning of a session: hello, welcome, and where replay starts.

use std::time::{Duration, Instant};

use landmark_proto::convert::fleet::{agent_message_to_wire, server_message_from_wire};
use landmark_proto::message::{AgentMessage, Hello, ServerMessage, Welcome};
use landmark_proto::wire;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tracing::debug;

use super::{Outputs, Parties, Session};
use crate::ledger::Accepted;
use crate::link::backoff::Share;
use crate::link::channel::{Connection, end_of};
use crate::link::conversation::{Conversation, Memory};
use crate::link::retry::End;
use crate::outbox::Resume;
use crate::report;

/// From dialled to welcomed.
const WELCOME_LIMIT: Duration = Duration::from_secs(15);

/// Says hello and waits for the welcome.
pub(super) async fn begin(
    connection: &Connection,
    mut parties: Parties,
    outputs: &Outputs,
    memory: Memory,
    stop: &CancellationToken,
) -> Result<(Session, Welcome), (Option<End>, Memory)> {
    let (outbound, outbound_rx) = mpsc::channel(1);
    let hello = parties.hello(&memory);
    let told = hello.enforcement.clone();
    let hello = AgentMessage::Hello(Box::new(hello));
    let greeting = async {
        let said = outbound.try_send(agent_message_to_wire(&hello));
        debug_assert!(said.is_ok(), "the channel is empty");
        let mut client = connection.client();
        let response =
            client.session(ReceiverStream::new(outbound_rx)).await.map_err(|status| end_of(&status))?;
        let mut inbound = response.into_inner();
        match receive(&mut inbound).await? {
            Some(ServerMessage::Welcome(welcome)) => Ok((inbound, welcome)),
            Some(ServerMessage::Revoked { reason }) => Err(End::Revoked(reason)),
            Some(ServerMessage::Drain { reason, reconnect_after }) => {
                Err(End::Drained { reason, reconnect_after })
            }
            None => Err(End::Closed("the server ended the session".into())),
            Some(
                ServerMessage::Assignment(_)
                | ServerMessage::ReportAck(_)
                | ServerMessage::Evaluate { .. }
                | ServerMessage::RenewNow { .. }
                | ServerMessage::Tuning(_)
                | ServerMessage::HeartbeatAck { .. }
                | ServerMessage::EvidenceAck { .. }
                | ServerMessage::SweepNow { .. },
            ) => Err(End::Protocol("the first message is not a welcome".into())),
        }
    };
    let greeted = tokio::select! {
        biased;
        () = stop.cancelled() => return Err((None, memory)),
        greeted = timeout(WELCOME_LIMIT, greeting) => greeted,
    };
    let greeted = greeted
        .unwrap_or_else(|_| Err(End::Closed(format!("no welcome within {} s", WELCOME_LIMIT.as_secs()))));
    let (inbound, welcome) = match greeted {
        Ok(greeted) => greeted,
        Err(end) => return Err((Some(end), memory)),
    };
    let from = match parties.outbox.resume(welcome.next_sequence).await {
        Ok(Some(Resume::From(from))) => from,
        Ok(Some(Resume::NewLife)) => {
            return Err((Some(End::Local("the outbox began anew and must be announced".into())), memory));
        }
        Ok(None) => return Err((Some(End::Local("the outbox cannot be written".into())), memory)),
        Err(_closed) => return Err((None, memory)),
    };
    outputs.tuning.send_if_modified(|tuning| {
        let is_new = *tuning != welcome.tuning;
        tuning.clone_from(&welcome.tuning);
        is_new
    });
    let conversation = Conversation::new(&welcome, from, memory, Instant::now(), Share::random());
    let noticed = *parties.changes.borrow_and_update();
    let session = Session {
        conversation,
        decided: parties.location.decided(),
        wanted: parties.location.evidence().wanted(),
        swept: parties.sweeps.last(),
        told_sweep: None,
        told_hits: Vec::new(),
        noticed,
        parties,
        inbound,
        outbound,
        told,
        unsaid: None,
        offering: None,
        next_offer: None,
        unstored: None,
        renewing: None,
    };
    Ok((session, welcome))
}

impl Parties {
    fn hello(&mut self, memory: &Memory) -> Hello {
        let held = self.ledger.held().borrow().as_ref().map(Accepted::held);
        let outbox = self.outbox.status().borrow().range;
        let decided = self.location.decided().borrow().clone();
        let enforcement = self.enforcement.borrow_and_update().clone();
        let state = (decided.as_deref(), enforcement.as_ref());
        report::hello(&self.machine, held, memory.last_result.as_ref(), outbox, state)
    }
}

/// The next message that this version knows; `None` at the end of the stream.
pub(super) async fn receive(
    inbound: &mut Streaming<wire::ServerMessage>,
) -> Result<Option<ServerMessage>, End> {
    loop {
        match inbound.message().await {
            Ok(None) => return Ok(None),
            Ok(Some(wire::ServerMessage { kind: None })) => debug!("a message of an unknown kind is ignored"),
            Ok(Some(message)) => {
                let message = server_message_from_wire(message);
                return message.map(Some).map_err(|violations| End::Protocol(violations.to_string()));
            }
            Err(status) => return Err(end_of(&status)),
        }
    }
}
