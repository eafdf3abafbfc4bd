//! The log: lines on standard error, which whoever started us keeps.

use tracing_subscriber::EnvFilter;

use crate::arguments::LogFormat;

/// Begins to log. `RUST_LOG` says what, by module and level; otherwise `debug` does.
pub(crate) fn start(format: LogFormat, debug: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(if debug { "debug,h2=info,hyper=info,tonic=info,tower=info" } else { "info" })
    });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}
