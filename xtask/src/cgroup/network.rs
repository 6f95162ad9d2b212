//! `IPAddressAllow=` and `IPAddressDeny=`, `SocketBindAllow=` and `SocketBindDeny=`: programs of the kernel's extended BPF
//! that are asked about each packet that comes to or goes from a socket of the group, and about each address that one is
//! bound to (facts from systemd 257's bpf-firewall.c and socket-bind.bpf.c).
//!
//! What a unit allows is allowed, of the rest what it denies is denied, and what nobody names is allowed. Of addresses the
//! lists of the slices that the unit is in are added to its own; of binding, each slice decides for itself, and all have to
//! allow. An address is a chain of comparisons: there are few of them, and no map has to be made when the unit starts.
//!
//! No instruction may be out of reach: older kernels refuse such programs.

use std::net::IpAddr;

use tomte::table::Traffic;

use super::instruction::{
    ADD, CALL, COPY, COPY_LOW, GO, IF, IF_LESS, IF_MORE, IF_REGISTER, Instruction, LOAD, PUT, PUT_LOW, SHIFT,
    SWAP, UNLESS, UNLESS_REGISTER, answer, jump,
};
use crate::{
    model::Resources,
    values::network::{BindRule, Prefix, Transport, Version},
};

/// struct __sk_buff: the link layer's word for what is in it, in the network's order.
const PROTOCOL_AT: i16 = 16;
/// ETH_P_IP and ETH_P_IPV6 of linux/if_ether.h, as all these machines read them from memory.
const IPV4: u32 = 0x0800_u16.swap_bytes() as u32;
const IPV6: u32 = 0x86dd_u16.swap_bytes() as u32;
/// Where a packet says whence it comes and where it goes: RFC 791 and RFC 8200.
const IPV4_SOURCE_AT: u32 = 12;
const IPV4_DESTINATION_AT: u32 = 16;
const IPV6_SOURCE_AT: u32 = 8;
const IPV6_DESTINATION_AT: u32 = 24;
/// linux/bpf.h: skb_load_bytes(packet, offset, to, length).
const LOAD_BYTES: u32 = 26;
/// The end of the stack.
const STACK: u8 = 10;
/// Where in it the address is.
const ADDRESS_AT: i16 = -16;
/// The first of the registers that hold the address's words, and the packet before that.
const WORDS: u8 = 6;
/// What is compared.
const COMPARED: u8 = 2;

/// struct bpf_sock_addr: the port, in the network's order, and the protocol.
const PORT_AT: i16 = 24;
const TRANSPORT_AT: i16 = 36;
const PORT: u8 = 2;
const TRANSPORT: u8 = 3;
/// linux/in.h: IPPROTO_TCP and IPPROTO_UDP.
const TCP: u32 = 6;
const UDP: u32 = 17;

/// Stand for the ways to the answers, until these have their places. No other jump goes backwards.
const YES: i16 = -1;
const NO: i16 = -2;

/// The programs of a unit with the settings `own` in slices with those of `slices`.
pub fn programs(own: &Resources, slices: &[&Resources]) -> Vec<(Traffic, Vec<u8>)> {
    let all: Vec<&Resources> = std::iter::once(own).chain(slices.iter().copied()).collect();
    let program = |traffic| match traffic {
        Traffic::Ingress => of_packets(&all, IPV4_SOURCE_AT, IPV6_SOURCE_AT),
        Traffic::Egress => of_packets(&all, IPV4_DESTINATION_AT, IPV6_DESTINATION_AT),
        Traffic::Bind4 => of_binding(&all, Version::V4),
        Traffic::Bind6 => of_binding(&all, Version::V6),
    };
    let bytes = |program: Vec<Instruction>| program.into_iter().flat_map(Instruction::bytes).collect();
    Traffic::ALL.into_iter().filter_map(|traffic| Some((traffic, bytes(program(traffic)?)))).collect()
}

/// What becomes of the addresses of one version.
#[derive(Debug, PartialEq, Eq)]
enum Addresses {
    AllAllowed,
    AllDenied,
    /// The lists, without what is in another of the same list, and what becomes of the rest.
    Some {
        allow: Vec<Prefix>,
        deny: Vec<Prefix>,
        others: bool,
    },
}

fn addresses(all: &[&Resources], version: Version) -> Addresses {
    let of_version = |prefix: &Prefix| prefix.address.is_ipv4() == (version == Version::V4);
    let allow = reduced(all.iter().flat_map(|one| &one.ip_address_allow).copied().filter(of_version));
    let mut deny = reduced(all.iter().flat_map(|one| &one.ip_address_deny).copied().filter(of_version));
    let everything = |list: &[Prefix]| list.iter().any(|prefix| prefix.length == 0);
    let others = !everything(&deny);
    if !others {
        deny.clear();
    }
    match (allow.is_empty(), deny.is_empty() && others) {
        (_, true) => Addresses::AllAllowed,
        _ if everything(&allow) => Addresses::AllAllowed,
        (true, _) if !others => Addresses::AllDenied,
        _ => Addresses::Some { allow, deny, others },
    }
}

/// Without those that are in another.
fn reduced(prefixes: impl Iterator<Item = Prefix>) -> Vec<Prefix> {
    let mut all: Vec<Prefix> = prefixes.collect();
    all.sort_by_key(|prefix| prefix.length);
    let mut kept: Vec<Prefix> = Vec::new();
    for prefix in all {
        if !kept.iter().any(|wider| wider.contains(prefix.address)) {
            kept.push(prefix);
        }
    }
    kept
}

fn of_packets(all: &[&Resources], ipv4_at: u32, ipv6_at: u32) -> Option<Vec<Instruction>> {
    let mut ask =
        vec![Instruction::new(COPY, WORDS, 1, 0, 0), Instruction::new(LOAD, COMPARED, 1, PROTOCOL_AT, 0)];
    let mut bodies = Vec::new();
    for (version, protocol, at) in [(Version::V4, IPV4, ipv4_at), (Version::V6, IPV6, ipv6_at)] {
        let body = match addresses(all, version) {
            Addresses::AllAllowed => continue,
            Addresses::AllDenied => answer(0).into(),
            Addresses::Some { allow, deny, others } => compare(version, at, &allow, &deny, others),
        };
        bodies.push((protocol, body));
    }
    let last = bodies.len().checked_sub(1)?;
    // What is of neither version has no address. The way to a body leads over the other questions, that answer, and the
    // bodies before it.
    let mut way = last + answer(1).len();
    for (protocol, body) in &bodies {
        ask.push(Instruction::new(IF, COMPARED, 0, jump(way), *protocol));
        way = way - 1 + body.len();
    }
    ask.extend(answer(1));
    ask.extend(bodies.into_iter().flat_map(|(_, body)| body));
    Some(ask)
}

/// Reads the address of `version` that the packet has at `at`, and finds it in the lists.
fn compare(version: Version, at: u32, allow: &[Prefix], deny: &[Prefix], others: bool) -> Vec<Instruction> {
    let words: u8 = if version == Version::V4 { 1 } else { 4 };
    let mut program = vec![
        Instruction::new(COPY, 1, WORDS, 0, 0),
        Instruction::new(PUT, 2, 0, 0, at),
        Instruction::new(COPY, 3, STACK, 0, 0),
        Instruction::new(ADD, 3, 0, 0, i32::from(ADDRESS_AT).cast_unsigned()),
        Instruction::new(PUT, 4, 0, 0, u32::from(4 * words)),
        Instruction::new(CALL, 0, 0, 0, LOAD_BYTES),
        Instruction::new(UNLESS, 0, 0, NO, 0), // a packet that ends before its address
    ];
    for word in 0..words {
        program.push(Instruction::new(LOAD, WORDS + word, STACK, ADDRESS_AT + 4 * i16::from(word), 0));
        program.push(Instruction::new(SWAP, WORDS + word, 0, 0, 32));
    }
    for (list, answer) in [(allow, YES), (deny, NO)] {
        program.extend(list.iter().flat_map(|prefix| compare_one(prefix, answer)));
    }
    let (near, far) = if others { (YES, NO) } else { (NO, YES) };
    let near_at = program.len();
    let far_at = near_at + answer(1).len();
    for label in [near, far] {
        program.extend(answer(u32::from(label == YES)));
    }
    resolve(&mut program, near, near_at);
    resolve(&mut program, far, far_at);
    program
}

/// Goes to `answer` if the address is in `prefix`, whose length is not 0.
fn compare_one(prefix: &Prefix, answer: i16) -> Vec<Instruction> {
    let octets = match prefix.address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut program = Vec::new();
    let mut left = u32::from(prefix.length);
    for (register, word) in (WORDS..).zip(octets.chunks_exact(4)) {
        let word = word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        match left {
            0 => break,
            32.. => {
                program.push(Instruction::new(PUT_LOW, COMPARED, 0, 0, word));
                program.push(Instruction::new(UNLESS_REGISTER, COMPARED, register, 0, 0));
            }
            bits => {
                program.push(Instruction::new(COPY_LOW, COMPARED, register, 0, 0));
                program.push(Instruction::new(SHIFT, COMPARED, 0, 0, 32 - bits));
                program.push(Instruction::new(UNLESS, COMPARED, 0, 0, word >> (32 - bits)));
            }
        }
        left = left.saturating_sub(32);
    }
    skip(&mut program);
    // Who gets as far as the last question and is what it asks for has been found.
    if let Some(last) = program.last_mut() {
        last.code = if last.code == UNLESS { IF } else { IF_REGISTER };
        last.offset = answer;
    }
    program
}

/// Lets each question of `rule` whose answer is no, which goes on behind it, go to the end.
fn skip(rule: &mut [Instruction]) {
    let end = rule.len();
    for (at, one) in rule.iter_mut().enumerate() {
        if [UNLESS, UNLESS_REGISTER, IF_LESS, IF_MORE].contains(&one.code) {
            one.offset = jump(end - at - 1);
        }
    }
}

/// Lets what goes to `label` go to `place`.
fn resolve(program: &mut [Instruction], label: i16, place: usize) {
    for (at, one) in program.iter_mut().enumerate() {
        if one.offset == label {
            one.offset = jump(place - at - 1);
        }
    }
}

fn of_binding(all: &[&Resources], version: Version) -> Option<Vec<Instruction>> {
    let mut program = vec![
        Instruction::new(LOAD, PORT, 1, PORT_AT, 0),
        Instruction::new(SWAP, PORT, 0, 0, 16),
        Instruction::new(LOAD, TRANSPORT, 1, TRANSPORT_AT, 0),
    ];
    let (mut denies, mut goes_on) = (false, true);
    for one in all {
        let [allow, deny] = [&one.socket_bind_allow, &one.socket_bind_deny].map(|rules| {
            let of_version = |rule: &&BindRule| rule.version.is_none_or(|other| other == version);
            rules.iter().filter(of_version).collect::<Vec<_>>()
        });
        if deny.is_empty() || allow.iter().any(|rule| is_for_all(rule)) {
            continue;
        }
        let mut layer: Vec<Instruction> = allow.iter().flat_map(|rule| match_one(rule, YES)).collect();
        denies = true;
        for rule in deny {
            layer.extend(match_one(rule, NO));
            if is_for_all(rule) {
                goes_on = !allow.is_empty();
                break;
            }
        }
        let end = layer.len();
        resolve(&mut layer, YES, end);
        program.extend(layer);
        if !goes_on {
            break;
        }
    }
    if goes_on {
        program.extend(answer(1));
    }
    let place = program.len();
    program.extend(answer(0));
    resolve(&mut program, NO, place);
    denies.then_some(program)
}

fn is_for_all(rule: &BindRule) -> bool {
    rule.transport.is_none() && rule.ports.is_none()
}

/// Goes to `answer` if `rule` is about this socket.
fn match_one(rule: &BindRule, answer: i16) -> Vec<Instruction> {
    let mut program = Vec::new();
    if let Some(transport) = rule.transport {
        let number = if transport == Transport::Tcp { TCP } else { UDP };
        program.push(Instruction::new(UNLESS, TRANSPORT, 0, 0, number));
    }
    if let Some(ports) = &rule.ports {
        program.push(Instruction::new(IF_LESS, PORT, 0, 0, (*ports.start()).into()));
        program.push(Instruction::new(IF_MORE, PORT, 0, 0, (*ports.end()).into()));
    }
    program.push(Instruction::new(GO, 0, 0, answer, 0));
    skip(&mut program);
    program
}
