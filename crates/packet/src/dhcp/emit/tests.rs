use net_types::MacAddr;

use super::super::message::{BOOT_FILE_OFFSET, SERVER_NAME_OFFSET};
use super::super::{Options, tests::any_message};
use super::*;

fn reply(options: Options) -> Message {
    Message { options, ..Message::new(Op::Reply, 1, MacAddr([2, 0, 0, 0, 0, 1])) }
}

/// Room for the options of a message of 548 bytes, without the end mark.
const ROOM: usize = 548 - HEAD_BYTES - END_BYTES;

#[test]
fn what_fits_needs_no_overload() {
    let exact = reply(Options::default().with(53, [2]).with(43, vec![1; ROOM - 3 - 4]));
    let fitted = exact.emit_within(548);
    assert_eq!((fitted.bytes.len(), fitted.left_out.as_slice()), (548, [].as_slice()));
    assert_eq!(Message::parse(&fitted.bytes), Ok(exact));
}

#[test]
fn the_names_take_what_is_too_much() {
    let message = reply(
        Options::default()
            .with(53, [2])
            .with(43, vec![1; 280])
            .with(17, vec![2; 125])
            .with(67, vec![3; 61])
            .with(66, [4; 20])
            .with(82, [1, 2, 3, 4]),
    );
    let Fitted { bytes, left_out } = message.emit_within(548);
    assert_eq!(left_out, [66]);
    assert_eq!(bytes[BOOT_FILE_OFFSET..BOOT_FILE_OFFSET + 2], [17, 125]);
    assert_eq!(bytes[SERVER_NAME_OFFSET..SERVER_NAME_OFFSET + 2], [67, 61]);
    assert_eq!((bytes[BOOT_FILE_OFFSET + 127], bytes[SERVER_NAME_OFFSET + 63]), (255, 255));
    let tail = [52, 1, 3, 82, 4, 1, 2, 3, 4, 255];
    assert_eq!(bytes[HEAD_BYTES..HEAD_BYTES + 3], [53, 1, 2]);
    assert!(bytes.windows(tail.len()).any(|window| window == tail), "{bytes:?}");
}

#[test]
fn names_that_are_names_stay() {
    let mut message = reply(Options::default().with(43, vec![1; 280]).with(17, vec![2; 60]));
    message.boot_file[0] = b'x';
    message.server_name[63] = b'y';
    assert_eq!(message.emit_within(548).left_out, [17]);
    message.server_name = [0; 64];
    let fitted = message.emit_within(548);
    assert_eq!(fitted.left_out, []);
    let parsed = Message::parse(&fitted.bytes).unwrap();
    assert_eq!((parsed.boot_file, parsed.server_name), (message.boot_file, [0; 64]));
}

#[test]
fn what_is_last_is_left_out_first() {
    let options = (60..80).fold(Options::default(), |options, code| options.with(code, [code; 60]));
    let Fitted { left_out, .. } = reply(options).emit_within(548);
    // Four in the options, two and one in the names.
    assert_eq!(left_out, (67..80).collect::<Vec<_>>());
}

#[test]
fn notes_of_relay_agents_that_are_too_long_are_left_out_alone() {
    let message = reply(Options::default().with(53, [2]).with(82, vec![1; 400]));
    let fitted = message.emit_within(548);
    assert_eq!(fitted.left_out, [82]);
    assert_eq!(Message::parse(&fitted.bytes).unwrap().options, Options::default().with(53, [2]));
}

proptest::proptest! {
    #[test]
    fn relay_agents_find_their_notes_last_and_among_the_options(message in any_message(), bytes_max in 300_usize..900) {
        let message = Message { options: message.options.with(82, [9, 8, 7, 6, 5, 4, 3]), ..message };
        let Fitted { bytes, left_out } = message.emit_within(bytes_max);
        proptest::prop_assert!(!left_out.contains(&82));
        let parsed = Message::parse(&bytes).unwrap();
        if parsed.options != message.options {
            let written = [82, 7, 9, 8, 7, 6, 5, 4, 3, 255];
            let end = bytes.iter().rposition(|byte| *byte == 255).unwrap();
            proptest::prop_assert_eq!(&bytes[end + 1 - written.len()..=end], written);
        }
    }
}
