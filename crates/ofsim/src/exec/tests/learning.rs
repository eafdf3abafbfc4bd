//! What `learn` makes, which a trace only reports and the next packet finds.

use openflow::action::{Learn, LearnDst, LearnSpec, LearnSrc};

use super::*;

fn learns_source(limit: u32) -> Learn {
    let source = Subfield::all(Field::EthSrc);
    let in_port = Subfield::all(Field::InPort16);
    Learn {
        table: 5,
        priority: 3,
        cookie: 0x99,
        limit,
        result: Subfield::new(Field::Reg0, 0, 1),
        specs: vec![
            LearnSpec {
                n_bits: 48,
                src: LearnSrc::Field(source),
                dst: LearnDst::Match(Subfield::all(Field::EthDst)),
            },
            LearnSpec { n_bits: 16, src: LearnSrc::Field(in_port), dst: LearnDst::Output },
            LearnSpec {
                n_bits: 8,
                src: LearnSrc::Value(7),
                dst: LearnDst::Load(Subfield::new(Field::Reg2, 8, 8).unwrap()),
            },
        ],
        ..Learn::default()
    }
}

#[test]
fn a_trace_says_what_would_be_learned() {
    let switch = switch(&[Flow::new(0, 1).action(Action::Learn(Box::new(learns_source(0)))).action(out(2))]);
    let trace = traced(&switch);
    assert_eq!((switch.len(), ports(&trace)), (1, vec![2]));
    let Some(Outcome::Learned(flow)) = trace.outcomes().next() else { panic!("{trace}") };
    let wanted = Flow::new(5, 3)
        .cookie(0x99)
        .matching(Match::new().with(Field::EthDst, MacAddr([2, 0, 0, 0, 0, 1])))
        .action(out(1))
        .action(Action::load(Subfield::new(Field::Reg2, 8, 8).unwrap(), 7));
    assert_eq!(**flow, wanted);
}

#[test]
fn what_is_learned_is_found_by_the_next_packet() {
    let mut switch = switch(&[Flow::new(0, 1).action(Action::Learn(Box::new(learns_source(1)))).goto(5)]);
    let learned = |packet: Packet, switch: &mut Switch| {
        let trace = crate::run(switch, packet, &mut Assumed::new());
        (trace.passes[0].last.regs[0], trace.deciding().last().unwrap().1.is_some())
    };
    assert_eq!(learned(udp(), &mut switch), (1, false));
    assert_eq!(switch.flow_count(5), 1);
    // Again for the same source is no new flow; for another one the limit says no.
    let mut back = udp();
    back.key.eth_dst = 0x0200_0000_0001;
    assert_eq!(learned(back, &mut switch), (1, true));
    let mut other = udp();
    other.key.eth_src = 0x0200_0000_0077;
    assert_eq!(learned(other, &mut switch), (0, false));
    assert_eq!(switch.flow_count(5), 1);
}
