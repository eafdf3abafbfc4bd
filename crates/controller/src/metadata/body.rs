//! Bodies as they pass: what one side sends goes on to the other as it comes, up to a limit.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// A body.
#[derive(Debug)]
pub(super) enum Passing {
    /// A short text of ours.
    Text(Option<Bytes>),
    /// What comes from the other side, and how many bytes of it may still come.
    On(Incoming, u64),
}

/// Why a body ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// It is longer than it may be.
    TooLong,
    /// The other side broke off.
    Side(hyper::Error),
}

impl Passing {
    pub(super) fn text(text: &'static str) -> Self {
        Self::Text(Some(Bytes::from_static(text.as_bytes())).filter(|bytes| !bytes.is_empty()))
    }

    /// All that the other side sends.
    pub(super) const fn all(body: Incoming) -> Self {
        Self::On(body, u64::MAX)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the body is longer than it may be"),
            Self::Side(_) => f.write_str("the other side broke off"),
        }
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooLong => None,
            Self::Side(error) => Some(error),
        }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::On(body, left) => Pin::new(body).poll_frame(context).map(|frame| match frame? {
                Ok(frame) => {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    match left.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)) {
                        Some(rest) => {
                            *left = rest;
                            Some(Ok(frame))
                        }
                        None => Some(Err(Broken::TooLong)),
                    }
                }
                Err(error) => Some(Err(Broken::Side(error))),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::On(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Self::On(body, _) => body.size_hint(),
        }
    }
}
