//! OpenFlow's text, in the syntax of `ovs-ofctl`.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use openflow::flow::FlowFlags;
use openflow::message::{GroupMod, MeterMod};
use openflow::text::{self, TextError};
use openflow::{Flow, Match, Message, PackedFlow};

/// Bytes of an error message, at most: it quotes only the start of what it is about.
const ERROR_BYTES_MAX: usize = 1024;
/// Bytes that are printed for one that was read: short words of the syntax become long ones (`pop_queue`), names in Open
/// vSwitch's old dialect several actions.
const GROWTH_MAX: usize = 64;
const GROWTH_FIXED_BYTES: usize = 256;

/// Flows: one, a file of them, and matches and actions by themselves.
pub fn openflow_flow_text(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    if let Some(flow) = check_text::<Flow>(input) {
        check_bytes(&flow);
    }
    check_text::<Match>(input);
    match text::parse_actions(input) {
        Ok(actions) => {
            let listed: Vec<String> = actions.iter().map(ToString::to_string).collect();
            let printed = listed.join(",");
            assert_eq!(text::parse_actions(&printed), Ok(actions), "{printed}");
        }
        Err(error) => check_error(&error, input),
    }
    match text::parse_flows(input) {
        Ok(flows) => assert!(flows.len() <= input.lines().count()),
        Err(error) => {
            let line = input.lines().nth(error.line.wrapping_sub(1));
            check_error(&error.error, line.expect("the line of an error is there"));
        }
    }
}

/// Groups and meters.
pub fn openflow_table_text(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    if let Some(group) = check_text::<openflow::group::Group>(input) {
        check_message(&Message::GroupMod(GroupMod::Add(group)));
    }
    if let Some(meter) = check_text::<openflow::meter::Meter>(input) {
        check_message(&Message::MeterMod(MeterMod::Add(meter)));
    }
}

fn check_error(error: &TextError, input: &str) {
    assert!(input.is_char_boundary(error.offset), "{error}");
    assert!(error.to_string().len() <= ERROR_BYTES_MAX, "{error}");
}

/// What is printed is read back as the same value, and printed the same again.
fn check_text<T>(input: &str) -> Option<T>
where
    T: FromStr<Err = TextError> + Display + Debug + PartialEq,
{
    match input.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            assert!(printed.len() <= GROWTH_MAX * input.len() + GROWTH_FIXED_BYTES, "{printed}");
            assert_eq!(printed.parse().as_ref(), Ok(&value), "{printed}");
            Some(value)
        }
        Err(error) => {
            check_error(&error, input);
            None
        }
    }
}

/// A flow that text can say is one that the wire can carry, and keeps.
fn check_bytes(flow: &Flow) {
    let Ok(packed) = PackedFlow::new(flow) else { return };
    let kept = FlowFlags(flow.flags.0 & FlowFlags::KEPT.0);
    assert_eq!(packed.unpack(), Flow { flags: kept, ..flow.clone() });
    assert_eq!(packed.canonical(), Some(packed));
}

fn check_message(message: &Message) {
    let mut bytes = Vec::new();
    if message.encode(1, &mut bytes).is_ok() {
        assert_eq!(Message::decode(&bytes).as_ref(), Ok(&(1, message.clone())));
    }
}
