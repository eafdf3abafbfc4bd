//! What tools print.

use std::io::{ErrorKind, Write as _};

use anyhow::Result;

/// Prints a text on standard output. A reader that has seen enough is no error: `dragonflow db dump | head`.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says something besides on standard error.
pub(crate) fn remark(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}
