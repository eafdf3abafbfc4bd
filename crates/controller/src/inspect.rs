//! A look at a node from beside its controller: what the controller is told of it, and what its switch holds.
//!
//! For tools that answer questions. Nothing is changed, no controller is needed, and one that runs does not notice.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{App, Input, Interface, Settings};
use model::{Id, RowId, TunnelType};
use openflow::Message;
use openflow::flow::PackedFlow;
use openflow::group::Group;
use openflow::message::multipart::{FlowRequest, MeterId, Multipart, Reply, Request};
use openflow::message::{Hello, METER_ALL, frame};
use openflow::meter::Meter;
use ovsdb::client::{Client, ClientConfig, Source};
use switch::bridge::stored_ids;
use switch::configuration::monitor;
use switch::interfaces::{InterfaceWatch, Role, Unclaimed};
use thiserror::Error;
use tokio::time::timeout;

use crate::options::{Options, SwitchAccess};
use crate::sessions::Sessions;
use crate::ways::{present_metadata, present_providers};
use crate::{apps_list, numbers};

/// How long the database or the switch may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 1 << 16;

/// Why a node cannot be looked at.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The database of Open vSwitch does not answer.
    #[error(
        "the database of open vswitch at {0} does not answer; [df] ovsdb_connection or OVS_RUNDIR names another place"
    )]
    NoDatabase(String),
    /// The switch is reached by its controller alone.
    #[error(
        "the switch connects to its controller here, and listens to nobody else: ask on the machine of the switch, where [df] ovsdb_connection is a unix socket"
    )]
    NoSocket,
    /// The switch cannot be asked.
    #[error("the bridge at {} cannot be asked what it holds: {source}", path.display())]
    Unreachable {
        /// Its management socket.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The switch says what makes no sense.
    #[error("the bridge at {} says what makes no sense: {reason}", path.display())]
    Garbled {
        /// Its management socket.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What a switch holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Its flows.
    pub flows: Vec<PackedFlow>,
    /// Its groups.
    pub groups: Vec<Group>,
    /// Its meters.
    pub meters: Vec<Meter>,
}

/// The apps that run with these options.
#[must_use]
pub fn apps(options: &Options) -> Vec<App> {
    apps_list::select(&options.apps).0
}

/// The settings that the engine has with these options.
#[must_use]
pub fn settings(options: &Options) -> Settings {
    options.settings()
}

/// What the database of Open vSwitch says of a node: interfaces, tunnels, ways to physical networks, numbers that objects have.
///
/// # Errors
/// When it does not answer.
pub async fn own_facts(options: &Options) -> Result<Vec<Input>, InspectError> {
    let source = Source::Dial { addresses: vec![options.ovsdb.clone()], tls: None };
    let (_client, mut batches) = Client::spawn(source, ClientConfig::new("Open_vSwitch"), monitor());
    // The first batch is all that there is.
    let batch = timeout(PATIENCE, batches.recv()).await.ok().flatten();
    let batch = batch.ok_or_else(|| InspectError::NoDatabase(options.ovsdb.to_string()))?;
    let mut watch = InterfaceWatch::new(&options.bridge, Unclaimed::Ignored);
    watch.apply(&batch);
    let stored = stored_ids(watch.configuration(), &options.bridge);
    let mut facts = vec![Input::Numbers(numbers::from_pairs(&stored))];
    let tunnel = |interface: &switch::interfaces::Interface| match interface.role {
        Role::Tunnel(kind) => Some((TunnelType::from_text(kind.as_ovs())?, interface.ofport.get())),
        _ => None,
    };
    facts.push(Input::Tunnels(watch.interfaces().filter_map(tunnel).collect()));
    facts.push(Input::Providers(present_providers(&watch, &options.bridge_mappings)));
    let mut sessions = Sessions::new(options);
    sessions.observe(&watch);
    facts.extend(sessions.news().map(Input::Peers));
    facts.push(Input::Metadata(present_metadata(&watch, options.metadata.as_ref())));
    let guest = |interface: &switch::interfaces::Interface| match &interface.role {
        Role::Vif { iface_id, .. } => {
            let port = Id::from_row(RowId::new(iface_id).ok()?);
            Some(Input::Interface(Interface::new(port, interface.ofport)))
        }
        _ => None,
    };
    facts.extend(watch.interfaces().filter_map(guest));
    Ok(facts)
}

/// What the switch of a node holds.
///
/// # Errors
/// When it cannot be asked.
pub fn held(options: &Options) -> Result<Held, InspectError> {
    let SwitchAccess::Socket(path) = &options.access else { return Err(InspectError::NoSocket) };
    let mut held = Held::default();
    let requests =
        [Request::Flow(FlowRequest::all()), Request::GroupDesc, Request::MeterConfig(MeterId(METER_ALL))];
    for request in requests {
        for part in ask(path, request)? {
            match part {
                Reply::Flow(flows) => held.flows.extend(flows.iter().map(|flow| flow.packed())),
                Reply::GroupDesc(groups) => held.groups.extend(groups.into_iter().map(|group| group.0)),
                Reply::MeterConfig(meters) => held.meters.extend(meters.into_iter().map(|meter| meter.0)),
                _ => {}
            }
        }
    }
    held.groups.sort_unstable_by_key(|group| group.id);
    held.meters.sort_unstable_by_key(|meter| meter.id);
    Ok(held)
}

/// All parts of the answer to a request.
fn ask(path: &Path, request: Request) -> Result<Vec<Reply>, InspectError> {
    let unreachable = |source| InspectError::Unreachable { path: path.to_owned(), source };
    let garbled = |reason: String| InspectError::Garbled { path: path.to_owned(), reason };
    let mut stream = UnixStream::connect(path).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
    let mut out = Vec::new();
    for (xid, message) in
        (1..).zip([Message::Hello(Hello::of13()), Message::MultipartRequest(Multipart::last(request))])
    {
        message.encode(xid, &mut out).map_err(|error| garbled(error.to_string()))?;
    }
    stream.write_all(&out).map_err(unreachable)?;
    let (mut parts, mut bytes, mut chunk) = (Vec::new(), Vec::new(), vec![0; READ_BYTES]);
    loop {
        while let Some(len) = frame(&bytes).map_err(|error| garbled(error.to_string()))? {
            let message = Message::decode(&bytes[..len]).map_err(|error| garbled(error.to_string()))?.1;
            bytes.drain(..len);
            match message {
                Message::MultipartReply(Multipart { more, part }) => {
                    parts.push(part);
                    if !more {
                        return Ok(parts);
                    }
                }
                Message::Error(error) => return Err(garbled(error.to_string())),
                _ => {}
            }
        }
        match stream.read(&mut chunk).map_err(unreachable)? {
            0 => return Err(unreachable(std::io::ErrorKind::UnexpectedEof.into())),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
