//! A way from inside a host to a server on loopback of this machine, which a namespace does not see: a socket in a file in between.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::netns::Namespace;
use crate::process::Daemon;
use crate::wait::try_wait_until;

/// Passes bytes between who connects to the first address and the second address.
const PROGRAM: &str = r#"
import asyncio, sys

def place(text):
    kind, _, rest = text.partition(":")
    return kind, rest

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def serve(reader, writer):
    kind, rest = place(sys.argv[2])
    try:
        if kind == "unix":
            there = await asyncio.open_unix_connection(rest)
        else:
            host, _, port = rest.rpartition(":")
            there = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

async def main():
    kind, rest = place(sys.argv[1])
    if kind == "unix":
        server = await asyncio.start_unix_server(serve, rest)
    else:
        host, _, port = rest.rpartition(":")
        server = await asyncio.start_server(serve, host, int(port))
    await server.serve_forever()

asyncio.run(main())
"#;

/// Both halves. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Relay {
    _outside: Daemon,
    _inside: Daemon,
}

impl Relay {
    /// What connects to `address` in a namespace gets to `address` of this machine.
    pub(super) fn start(namespace: &Namespace, address: &str, directory: &Path, name: &str) -> Result<Self> {
        let socket = directory.join(format!("{name}.relay"));
        let (tcp, unix) = (format!("tcp:{address}"), format!("unix:{}", socket.display()));
        let half = |command: &mut Command, from: &str, to: &str, side: &str| {
            command.args(["-c", PROGRAM, from, to]);
            let log = directory.join(format!("{name}.relay.{side}.log"));
            Daemon::start("python3", command, &log)
        };
        let outside = half(&mut Command::new("python3"), &unix, &tcp, "outside")?;
        try_wait_until(super::PATIENCE, "a relay", || socket.exists().then_some(()))?;
        let inside = half(&mut namespace.command("python3"), &tcp, &unix, "inside")?;
        let port = address.rsplit(':').next().context("an address has a port")?;
        let listens = || {
            let text = namespace.run("ss", &["-Hltn", &format!("sport = :{port}")]).ok()?;
            (!text.trim().is_empty()).then_some(())
        };
        try_wait_until(super::PATIENCE, "a relay inside", listens)?;
        Ok(Self { _outside: outside, _inside: inside })
    }
}
