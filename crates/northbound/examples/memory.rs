//! A server whose store is its memory, to try clients on: `cargo run -p northbound --example memory -- 127.0.0.1:9696`.

use std::error::Error;
use std::sync::Arc;

use nb::memory::MemoryStore;
use northbound::{Server, Settings};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9696".to_owned());
    let server = Server::new(Arc::new(MemoryStore::new()), Settings::default()).await?;
    let listener = TcpListener::bind(&address).await?;
    server.serve(listener, std::future::pending()).await?;
    Ok(())
}
