//! `ct` and `nat`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::action::Scope;
use super::value::subfield;
use crate::action::{Action, Ct, Nat, NatAddrs, NatKind, NatMode, Zone};
use crate::field::Subfield;
use crate::text::print::HELPERS;
use crate::text::source::{Done, Item, Piece, TextError};

pub(super) fn ct(text: Piece<'_>, scope: &Scope) -> Result<Ct, TextError> {
    let mut ct = Ct::default();
    let mut items = text.items();
    while let Some(item) = items.next()? {
        argument(&mut ct, item, scope)?;
    }
    match ct.force && !ct.commit {
        true => Err(text.error("force needs commit")),
        false => Ok(ct),
    }
}

fn argument(ct: &mut Ct, item: Item<'_>, scope: &Scope) -> Done {
    let Item { key, value, .. } = item;
    match key.as_str() {
        "commit" => {
            item.without_value()?;
            ct.commit = true;
        }
        "force" => {
            item.without_value()?;
            ct.force = true;
        }
        "table" => match value.number("a table")? {
            u8::MAX => return Err(value.expected("a table below 255")),
            table => ct.table = Some(table),
        },
        "zone" => {
            ct.zone = match value.uint() {
                Some(_) => Zone::Imm(value.number("a zone")?),
                None => Zone::From(zone_subfield(value)?),
            };
        }
        "alg" => {
            let helper = HELPERS.iter().find(|(_, name)| *name == value.as_str());
            ct.alg = match helper {
                Some((port, _)) => *port,
                None => value.number("ftp, tftp or a port")?,
            };
        }
        "nat" => ct.actions.push(Action::Nat(nat(value)?)),
        "exec" => ct.actions.extend(scope.nested(value)?),
        _ => return Err(key.expected("commit, force, table, zone, nat, exec or alg")),
    }
    Ok(())
}

fn zone_subfield(text: Piece<'_>) -> Result<Subfield, TextError> {
    match subfield(text)? {
        zone @ Subfield { n_bits: 16, .. } => Ok(zone),
        other => Err(text.error(format!("a zone has 16 bits, and these are {}", other.n_bits))),
    }
}

pub(super) fn nat(text: Piece<'_>) -> Result<Nat, TextError> {
    let mut nat = Nat::default();
    let mut items = text.items();
    while let Some(item) = items.next()? {
        let Item { key, value, .. } = item;
        match key.as_str() {
            "src" | "dst" if nat.kind.is_some() => {
                return Err(key.error("only one of src and dst can be there"));
            }
            "src" => {
                nat.kind = Some(NatKind::Src);
                range(&mut nat, value)?;
            }
            "dst" => {
                nat.kind = Some(NatKind::Dst);
                range(&mut nat, value)?;
            }
            "persistent" => nat.persistent = true,
            "hash" | "random" if nat.mode.is_some() => {
                return Err(key.error("only one of hash and random can be there"));
            }
            "hash" => nat.mode = Some(NatMode::Hash),
            "random" => nat.mode = Some(NatMode::Random),
            _ => return Err(key.expected("src, dst, persistent, hash or random")),
        }
    }
    match nat.kind.is_none() && nat != Nat::default() {
        true => Err(text.error("persistent, hash and random need src or dst")),
        false => Ok(nat),
    }
}

/// Reads `address[-address][:port[-port]]`. A range of one is written as the one, so it is read as that, and the
/// address of all zeros is no address, as in Open vSwitch.
fn range(nat: &mut Nat, text: Piece<'_>) -> Done {
    let mut rest = text;
    let only_ports = rest.as_str().starts_with(':') && !rest.as_str().starts_with("::");
    if !rest.is_empty() && !only_ports {
        let (addrs, behind) = addresses(rest)?;
        let said = !addrs.starts_at_zero();
        if !said && (addrs.is_range() || !behind.is_empty()) {
            return Err(rest.expected("a first address that is not zero"));
        }
        (nat.addrs, rest) = (said.then_some(addrs), behind);
    }
    let Some(ports) = rest.strip_prefix(":") else {
        return match rest.is_empty() {
            true => Ok(()),
            false => Err(rest.expected(":PORT or the end of the range")),
        };
    };
    let (min, max) = match ports.split_once("-") {
        Some((min, max)) => (min.number("a port")?, Some(max.number("a port")?)),
        None => (ports.number("a port")?, None),
    };
    if min == 0 || max.is_some_and(|max| max < min) {
        return Err(ports.expected("a port from 1 on, and no smaller one behind it"));
    }
    nat.port_min = min;
    nat.port_max = max.filter(|max| *max != min).unwrap_or(0);
    Ok(())
}

fn addresses(text: Piece<'_>) -> Result<(NatAddrs, Piece<'_>), TextError> {
    let (first, rest) = text.take_while(|c| c.is_ascii_digit() || c == '.');
    if let Ok(min) = first.as_str().parse::<Ipv4Addr>() {
        let Some(behind) = rest.strip_prefix("-") else {
            return Ok((NatAddrs::V4 { min, max: None }, rest));
        };
        let (last, rest) = behind.take_while(|c| c.is_ascii_digit() || c == '.');
        let max = last.parse::<Ipv4Addr>("an IPv4 address")?;
        return match max < min {
            true => Err(last.expected("no smaller address than the first")),
            false => Ok((NatAddrs::V4 { min, max: Some(max).filter(|max| *max != min) }, rest)),
        };
    }
    let (min, rest) = ipv6(text)?;
    let Some(behind) = rest.strip_prefix("-") else {
        return Ok((NatAddrs::V6 { min, max: None }, rest));
    };
    let (max, rest) = ipv6(behind)?;
    match max < min {
        true => Err(behind.expected("no smaller address than the first")),
        false => Ok((NatAddrs::V6 { min, max: Some(max).filter(|max| *max != min) }, rest)),
    }
}

/// An IPv6 address, in brackets or not.
fn ipv6(text: Piece<'_>) -> Result<(Ipv6Addr, Piece<'_>), TextError> {
    const WHAT: &str = "an IPv4 or IPv6 address";
    match text.strip_prefix("[").map(|inner| inner.split_once("]")) {
        Some(Some((address, rest))) => Ok((address.parse(WHAT)?, rest)),
        Some(None) => Err(text.error("expected ] behind the address")),
        None => {
            let (address, rest) = text.take_while(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
            Ok((address.parse(WHAT)?, rest))
        }
    }
}
