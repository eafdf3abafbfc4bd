//! TCP (RFC 9293): a segment as somebody sees it who answers in the place of its receiver, and what then is said to both ends.
//!
//! Whoever sees a segment of an open connection knows enough to answer it without having seen anything of the connection before: it says what its
//! sender expects next from the other end, and by its timestamps (RFC 7323) what they look like.

use crate::ParseError;
use crate::build::{Tcp, tcp_flags};
use crate::bytes::Reader;

const LAYER: &str = "TCP segment";
const HEADER_BYTES: usize = 20;
const WINDOW: u16 = 0x7fff;

/// Kinds of options.
mod options {
    /// There are no more.
    pub(super) const END: u8 = 0;
    /// Fills space and has no length.
    pub(super) const FILL: u8 = 1;
    /// Timestamps.
    pub(super) const TIMESTAMPS: u8 = 8;
}

/// A segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// The place of its data in all that its sender says.
    pub sequence: u32,
    /// The place of what its sender expects next.
    pub acknowledgement: u32,
    /// Of [`tcp_flags`].
    pub flags: u16,
    /// The clock of its sender, and what that saw last of the clock of the other end.
    pub timestamps: Option<(u32, u32)>,
    /// Its data.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a segment.
    ///
    /// # Errors
    /// When it is cut off, or says that its header is longer than it or shorter than one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let invalid = |problem| ParseError::Invalid { layer: LAYER, offset: 12, problem };
        let src_port = u16::from_be_bytes(reader.require(LAYER)?);
        let dst_port = u16::from_be_bytes(reader.require(LAYER)?);
        let sequence = u32::from_be_bytes(reader.require(LAYER)?);
        let acknowledgement = u32::from_be_bytes(reader.require(LAYER)?);
        let control = u16::from_be_bytes(reader.require(LAYER)?);
        // Window, checksum and urgent pointer.
        reader.require::<6>(LAYER)?;
        let header_bytes = usize::from(control >> 12) * 4;
        let option_bytes = header_bytes
            .checked_sub(HEADER_BYTES)
            .ok_or_else(|| invalid("its header is shorter than one"))?;
        let said =
            reader.take_slice(option_bytes).ok_or_else(|| invalid("its header is longer than it is"))?;
        let (flags, timestamps) = (control & 0x0fff, timestamps(said));
        Ok(Self { src_port, dst_port, sequence, acknowledgement, flags, timestamps, payload: reader.rest() })
    }

    /// What the receiver would say to it: this, and nothing more in this connection.
    #[must_use]
    pub fn last_answer(&self, payload: Vec<u8>) -> Tcp {
        Tcp {
            src_port: self.dst_port,
            dst_port: self.src_port,
            sequence: self.acknowledgement,
            acknowledgement: self.end(),
            flags: tcp_flags::PSH | tcp_flags::ACK | tcp_flags::FIN,
            window: WINDOW,
            timestamps: self.timestamps.map(|(own, seen)| (seen, own)),
            payload,
        }
    }

    /// What its sender would say instead of it to break the connection off, to a receiver that has not heard it.
    #[must_use]
    pub fn break_off(&self) -> Tcp {
        Tcp {
            src_port: self.src_port,
            dst_port: self.dst_port,
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            flags: tcp_flags::RST | tcp_flags::ACK,
            window: 0,
            timestamps: self.timestamps,
            payload: Vec::new(),
        }
    }

    /// The same behind it, to who has heard it.
    #[must_use]
    pub fn break_off_behind(&self) -> Tcp {
        Tcp { sequence: self.end(), ..self.break_off() }
    }

    /// The place behind its data.
    fn end(&self) -> u32 {
        self.sequence.wrapping_add(u32::try_from(self.payload.len()).unwrap_or(u32::MAX))
    }
}

/// The timestamps among options; nothing, if the options before them make no sense.
fn timestamps(options: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(options);
    loop {
        match reader.take::<1>()? {
            [options::END] => return None,
            [options::FILL] => {}
            [kind] => {
                let [length] = reader.take()?;
                let value = reader.take_slice(usize::from(length).checked_sub(2)?)?;
                if kind == options::TIMESTAMPS {
                    let (own, seen) = value.split_first_chunk::<4>()?;
                    return Some((u32::from_be_bytes(*own), u32::from_be_bytes(seen.try_into().ok()?)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::build::{Ip, Transport};

    fn emit(tcp: &Tcp) -> Vec<u8> {
        let ip = Ip::between([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).expect("of one version");
        let frame = crate::build::Ethernet::new(net_types::MacAddr([2; 6]), net_types::MacAddr([4; 6]));
        let frame = frame.ip(&ip, &Transport::Tcp(tcp.clone())).expect("it fits");
        frame[34..].to_vec()
    }

    fn any_tcp() -> impl Strategy<Value = Tcp> {
        let numbers = (any::<[u16; 3]>(), any::<[u32; 2]>(), 0_u16..0x1000);
        (numbers, prop::option::of(any::<(u32, u32)>()), prop::collection::vec(any::<u8>(), 0..40)).prop_map(
            |(([src_port, dst_port, window], [sequence, acknowledgement], flags), timestamps, payload)| Tcp {
                src_port,
                dst_port,
                sequence,
                acknowledgement,
                flags,
                window,
                timestamps,
                payload,
            },
        )
    }

    proptest! {
        #[test]
        fn segments_come_back(tcp in any_tcp()) {
            let bytes = emit(&tcp);
            let read = Segment::parse(&bytes).expect("a segment");
            let Segment { src_port, dst_port, sequence, acknowledgement, flags, timestamps, payload } = read;
            let again = Tcp { src_port, dst_port, sequence, acknowledgement, flags, timestamps, payload: payload.to_vec(), ..tcp.clone() };
            prop_assert_eq!(again, tcp);
        }

        #[test]
        fn anything_is_read_or_refused_inside_of_it(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            match Segment::parse(&bytes) {
                Ok(segment) => prop_assert!(segment.payload.len() <= bytes.len() - HEADER_BYTES),
                Err(ParseError::Truncated { offset, .. } | ParseError::Invalid { offset, .. }) => {
                    prop_assert!(offset <= bytes.len());
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }

        #[test]
        fn options_are_read_to_their_end(options in prop::collection::vec(any::<u8>(), 0..40)) {
            let _: Option<(u32, u32)> = timestamps(&options);
        }
    }

    #[test]
    fn an_answer_goes_on_where_the_connection_is() {
        let tcp = Tcp {
            src_port: 40_000,
            dst_port: 53,
            sequence: u32::MAX,
            acknowledgement: 7,
            flags: tcp_flags::PSH | tcp_flags::ACK,
            timestamps: Some((100, 200)),
            payload: b"four".to_vec(),
            ..Tcp::default()
        };
        let bytes = emit(&tcp);
        let segment = Segment::parse(&bytes).expect("a segment");
        let answer = segment.last_answer(b"x".to_vec());
        assert_eq!((answer.src_port, answer.dst_port), (53, 40_000));
        assert_eq!(
            (answer.sequence, answer.acknowledgement),
            (7, 3),
            "behind what was said, which wraps around"
        );
        assert_eq!((answer.flags, answer.timestamps), (0x019, Some((200, 100))));
        let end = segment.break_off();
        assert_eq!((end.src_port, end.dst_port, end.sequence, end.flags), (40_000, 53, u32::MAX, 0x014));
        assert!(end.payload.is_empty());
        assert_eq!(segment.break_off_behind(), Tcp { sequence: 3, ..end });
    }

    #[test]
    fn what_a_segment_of_linux_says_of_its_clock_is_found() {
        assert_eq!(timestamps(&[1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6]), Some((5, 6)));
        assert_eq!(
            timestamps(&[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1, 3, 3, 7]),
            Some((5, 6))
        );
        for wrong in [
            &[8, 10, 0, 0][..],
            &[8, 0],
            &[5, 1, 8],
            &[0, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6],
            &[8, 6, 0, 0, 0, 5],
            &[],
        ] {
            assert_eq!(timestamps(wrong), None, "{wrong:?}");
        }
    }
}
