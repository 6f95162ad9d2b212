//! What goes over the network, against a plain model of the manual's rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tomte::table::Traffic;

use super::*;
use crate::values::network::{BindRule, Prefix, Transport, Version};

/// What a service with these lines in slices with those is asked about.
fn programs(lines: &str, slices: &[&str]) -> BTreeMap<u8, Vec<u8>> {
    let resources = |kind: &str, lines: &str| unit(kind, &format!("[Slice]\n{lines}\n"));
    let own = resources("a.slice", lines);
    let above: Vec<Unit> = slices.iter().map(|lines| resources("a.slice", lines)).collect();
    let above: Vec<&Resources> = above.iter().filter_map(|unit| unit.kind.resources()).collect();
    let made = super::super::network::programs(own.kind.resources().expect("resources"), &above);
    made.into_iter().map(|(traffic, program)| (traffic as u8, program)).collect()
}

/// Whether a packet may come from `address`, or go there.
fn passes(programs: &BTreeMap<u8, Vec<u8>>, traffic: Traffic, address: IpAddr) -> bool {
    let Some(program) = programs.get(&(traffic as u8)) else { return true };
    let comes = traffic == Traffic::Ingress;
    let mut packet = vec![0xaa; 60];
    let kind = match address {
        IpAddr::V4(address) => {
            let at = if comes { 12 } else { 16 };
            packet[at..at + 4].copy_from_slice(&address.octets());
            0x0800_u16
        }
        IpAddr::V6(address) => {
            let at = if comes { 8 } else { 24 };
            packet[at..at + 16].copy_from_slice(&address.octets());
            0x86dd
        }
    };
    let words = [(16, u32::from(kind.swap_bytes()))];
    run(program, &Question { words: &words, packet: &packet })
}

fn binds(programs: &BTreeMap<u8, Vec<u8>>, traffic: Traffic, transport: u32, port: u16) -> bool {
    let Some(program) = programs.get(&(traffic as u8)) else { return true };
    let words = [(24, u32::from(port.swap_bytes())), (36, transport)];
    run(program, &Question { words: &words, packet: &[] })
}

#[test]
fn who_may_speak_with_localhost_only_speaks_with_nobody_else() {
    let programs = programs("IPAddressDeny=any\nIPAddressAllow=localhost", &[]);
    for traffic in [Traffic::Ingress, Traffic::Egress] {
        let may = |address: &str| passes(&programs, traffic, address.parse().expect("an address"));
        assert!(may("127.0.0.1") && may("127.255.0.9") && may("::1"));
        assert!(!may("128.0.0.1") && !may("10.0.0.1") && !may("::2") && !may("::") && !may("fe80::1"));
    }
    assert!(!programs.contains_key(&(Traffic::Bind4 as u8)));
}

#[test]
fn a_packet_that_ends_before_its_address_is_dropped_and_one_of_another_protocol_is_not() {
    let programs = programs("IPAddressDeny=10.0.0.0/8 fd00::/8", &[]);
    let program = &programs[&(Traffic::Egress as u8)];
    let of = |protocol: u16| [(16, u32::from(protocol.swap_bytes()))];
    assert!(!run(program, &Question { words: &of(0x0800), packet: &[0; 19] }));
    assert!(run(program, &Question { words: &of(0x0800), packet: &[0; 20] }));
    assert!(!run(program, &Question { words: &of(0x86dd), packet: &[0; 39] }));
    assert!(run(program, &Question { words: &of(0x0806), packet: &[] }));
}

#[test]
fn who_denies_nothing_is_asked_nothing() {
    for lines in ["", "IPAddressAllow=any", "IPAddressDeny=any\nIPAddressAllow=any", "SocketBindAllow=80"] {
        assert!(programs(lines, &[]).is_empty(), "{lines}");
    }
    assert_eq!(programs("IPAddressDeny=::/0", &[]).len(), 2);
    assert!(programs("SocketBindDeny=any\nSocketBindAllow=any", &[]).is_empty());
    assert_eq!(
        programs("SocketBindDeny=ipv6:any", &[]).keys().collect::<Vec<_>>(),
        [&(Traffic::Bind6 as u8)]
    );
}

#[test]
fn a_unit_may_allow_what_its_slices_deny_but_only_of_addresses() {
    let slices = ["IPAddressDeny=any\nSocketBindDeny=any\nSocketBindAllow=tcp:80-90"];
    let programs =
        programs("IPAddressAllow=10.0.0.0/8\nSocketBindDeny=udp:any\nSocketBindAllow=any", &slices);
    let ten = Ipv4Addr::new(10, 1, 2, 3).into();
    assert!(passes(&programs, Traffic::Egress, ten));
    assert!(!passes(&programs, Traffic::Egress, Ipv4Addr::LOCALHOST.into()));
    assert!(!passes(&programs, Traffic::Egress, Ipv6Addr::LOCALHOST.into()));
    assert!(binds(&programs, Traffic::Bind4, 6, 85) && !binds(&programs, Traffic::Bind4, 6, 91));
    assert!(!binds(&programs, Traffic::Bind6, 17, 85));
}

#[test]
fn slices_whose_services_may_bind_nothing_have_short_programs() {
    let programs = programs("SocketBindDeny=53", &["SocketBindDeny=any", "SocketBindDeny=80"]);
    assert!(!binds(&programs, Traffic::Bind4, 6, 53) && !binds(&programs, Traffic::Bind4, 6, 99));
}

#[test]
fn a_socket_of_ip_is_in_no_slice_that_denies_addresses() {
    let wanted = Wanted { default_target: "multi-user.target", enable: None, orphans: true };
    let slice = unit("walled.slice", "[Slice]\nIPAddressDeny=any\n");
    for (listen, fits) in [("80", false), ("[::1]:80", false), ("/run/a", true)] {
        let socket = format!("[Socket]\nSlice=walled.slice\nListenStream={listen}\n");
        let units = vec![unit("a.socket", &socket), unit("a.service", "[Service]\nExecStart=/bin/a\n")];
        let graph = Graph::new(units, &wanted, &mut Diagnostics::default()).expect("a graph");
        let made = Cgroups::new(&graph, std::slice::from_ref(&slice), false);
        assert_eq!(made.is_ok(), fits, "{listen}: {:?}", made.err());
    }
}

/// Addresses and prefixes that are near each other.
fn near() -> impl Strategy<Value = IpAddr> {
    let bits = prop::sample::select(vec![0_u8, 1, 0x7f, 0x80, 0xff]);
    prop_oneof![
        prop::array::uniform4(bits.clone()).prop_map(IpAddr::from),
        prop::array::uniform16(bits).prop_map(IpAddr::from),
    ]
}

fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    let one = (near(), 0_u8..=128).prop_map(|(address, length)| {
        let length = if address.is_ipv4() { length.min(32) } else { length };
        Prefix::new(address, length)
    });
    prop::collection::vec(one, 0..5)
}

fn rules() -> impl Strategy<Value = Vec<BindRule>> {
    let version = prop::option::of(prop::sample::select(vec![Version::V4, Version::V6]));
    let transport = prop::option::of(prop::sample::select(vec![Transport::Tcp, Transport::Udp]));
    let ports = prop::option::of((0_u16..6, 0_u16..4).prop_map(|(first, more)| first..=first + more));
    let one = (version, transport, ports).prop_map(|(version, transport, ports)| BindRule {
        version,
        transport,
        ports,
    });
    prop::collection::vec(one, 0..4)
}

/// The manual's rule.
fn granted(allow: bool, deny: bool) -> bool {
    allow || !deny
}

proptest! {
    #[test]
    fn packets_pass_as_the_manual_says(
        allow in prefixes(),
        deny in prefixes(),
        above in prefixes(),
        addresses in prop::collection::vec(near(), 1..20),
    ) {
        let own = Resources {
            ip_address_allow: allow.iter().copied().collect(),
            ip_address_deny: deny.iter().copied().collect(),
            ..Resources::default()
        };
        let slice = Resources { ip_address_deny: above.iter().copied().collect(), ..Resources::default() };
        let programs = super::super::network::programs(&own, &[&slice]);
        let programs = programs.into_iter().map(|(traffic, program)| (traffic as u8, program)).collect();
        for address in addresses.into_iter().chain(allow.iter().chain(&deny).map(|prefix| prefix.address)) {
            let is_in = |list: &[Prefix]| list.iter().any(|prefix| prefix.contains(address));
            let may = granted(is_in(&allow), is_in(&deny) || is_in(&above));
            for traffic in [Traffic::Ingress, Traffic::Egress] {
                prop_assert_eq!(passes(&programs, traffic, address), may, "{}: {:?} {:?}", address, allow, deny);
            }
        }
    }

    #[test]
    fn sockets_are_bound_as_the_manual_says(layers in prop::collection::vec((rules(), rules()), 1..4)) {
        let all: Vec<Resources> = layers
            .iter()
            .map(|(allow, deny)| Resources {
                socket_bind_allow: allow.clone(),
                socket_bind_deny: deny.clone(),
                ..Resources::default()
            })
            .collect();
        let above: Vec<&Resources> = all[1..].iter().collect();
        let programs = super::super::network::programs(&all[0], &above);
        let programs = programs.into_iter().map(|(traffic, program)| (traffic as u8, program)).collect();
        for (traffic, version) in [(Traffic::Bind4, Version::V4), (Traffic::Bind6, Version::V6)] {
            for (number, transport) in [(6, Some(Transport::Tcp)), (17, Some(Transport::Udp)), (132, None)] {
                for port in 0..10 {
                    let fits = |rule: &BindRule| {
                        rule.version.is_none_or(|one| one == version)
                            && (rule.transport.is_none() || rule.transport == transport)
                            && rule.ports.as_ref().is_none_or(|ports| ports.contains(&port))
                    };
                    let may = layers.iter().all(|(allow, deny)| {
                        granted(allow.iter().any(fits), deny.iter().any(fits))
                    });
                    prop_assert_eq!(binds(&programs, traffic, number, port), may, "{} {}", number, port);
                }
            }
        }
    }
}
