//! Lives of a connection; the numbers are those of the check.

use openflow::message::multipart::{Multipart, Reply};
use openflow::message::{Message, TlvMap, TlvTable};
use openflow::{Flow, PackedFlow};

use crate::Seeds;

const CONNECT: u8 = 0;
const DISCONNECT: u8 = 1;
const TIME: u8 = 2;
const ANSWER: u8 = 3;
const REFUSE: u8 = 7;
const IGNORE: u8 = 8;
const SAY: u8 = 9;
const GARBLE: u8 = 10;
const SHOW: u8 = 11;
const ADVANCE: u8 = 12;
const SEND: u8 = 13;
const PUT: u8 = 14;
const DELETE: u8 = 16;
const PUT_GROUP: u8 = 17;
const PUT_METER: u8 = 18;
const DELETE_OTHERS: u8 = 19;

/// Scopes and options by the first byte: all, nothing, a part, a part with tunnel options.
const ALL: u8 = 0;
const NOTHING: u8 = 1;
const PART: u8 = 2;
const PART_WITH_OPTIONS: u8 = 6;

/// Messages that an honest switch answers before the connection is live, and some more.
const HANDSHAKE: usize = 24;

fn answers(count: usize) -> Vec<u8> {
    vec![ANSWER; count]
}

fn put_flows(count: u8) -> Vec<u8> {
    (0..count).flat_map(|id| [PUT, id, 0]).collect()
}

fn say(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(0, &mut bytes).expect("it is short");
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let words = u8::try_from(bytes.len() / 4).expect("it is short");
    [&[SAY, 0, words], bytes.as_slice()].concat()
}

pub(crate) fn lives() -> Seeds {
    let live = |choice: u8| [vec![choice, CONNECT], answers(HANDSHAKE)].concat();
    let shown = PackedFlow::new(&Flow::new(0, 1).goto(3)).expect("it is short");
    let instructions = shown.as_wire().instructions.to_vec();
    let shows = [&[SHOW, 1, 0, 0, 8], instructions.as_slice()].concat();
    let map = TlvMap { class: 0x0102, kind: 0x80, len_bytes: 8, index: 0 };
    let options =
        Message::TlvTableReply(TlvTable { max_option_space_bytes: 256, max_fields: 64, maps: vec![map] });
    let ports = Message::MultipartReply(Multipart { more: true, part: Reply::PortDesc(vec![]) });
    let lives = [
        ("never-connected", vec![ALL]),
        ("live", live(ALL)),
        ("nothing-is-ours", live(NOTHING)),
        ("options", live(PART_WITH_OPTIONS)),
        (
            "option-conflict",
            [vec![PART_WITH_OPTIONS, CONNECT], answers(8), say(&options), answers(9)].concat(),
        ),
        ("wishes", [live(PART), put_flows(6), vec![ADVANCE], answers(30), vec![DELETE, 2, ADVANCE]].concat()),
        ("wishes-before", [vec![PART], put_flows(6), vec![CONNECT], answers(60)].concat()),
        (
            "groups-and-meters",
            [
                live(ALL),
                vec![PUT_GROUP, 1, 2, PUT_GROUP, 2, 1, PUT_METER, 3, 9, ADVANCE],
                answers(20),
                vec![DELETE_OTHERS, 1, DELETE_OTHERS, 3, ADVANCE],
            ]
            .concat(),
        ),
        (
            "refusals",
            [live(ALL), put_flows(4), vec![ADVANCE], vec![ANSWER, IGNORE, REFUSE, 5, 1, 0], answers(20)]
                .concat(),
        ),
        ("refused-dump", [vec![ALL, CONNECT], answers(4), [REFUSE, 1, 1, 0].repeat(6)].concat()),
        ("silence", [live(ALL), vec![TIME, 0x20, 0, TIME, 0x20, 0, ANSWER, TIME, 0xff, 0xff]].concat()),
        (
            "garbled",
            [vec![ALL, CONNECT], answers(4), (0..20).flat_map(|xid| [GARBLE, xid]).collect()].concat(),
        ),
        ("strangers", [vec![PART, CONNECT], answers(6), shows, answers(20)].concat()),
        ("pieces", [vec![PART, CONNECT], answers(6), say(&ports), answers(20)].concat()),
        ("packets", [live(PART), vec![SEND], vec![1; 20], vec![DISCONNECT, CONNECT]].concat()),
    ];
    lives.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}
