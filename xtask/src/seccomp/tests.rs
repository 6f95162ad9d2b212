//! Every program against the plain rule, for every call and every class of arguments of every interface.

mod interpreter;
#[cfg(target_arch = "x86_64")]
mod kernel;
mod model;

use proptest::prelude::*;
use tomte::table::Arch;

use self::interpreter::{Call, run};
use super::{
    abi::{Abi, X32_BIT},
    compile, groups,
    policy::{CallList, Denial, Families, Policy},
};

const ARCHS: [Arch; 4] = [Arch::X86_64, Arch::Aarch64, Arch::Arm, Arch::Riscv64];

/// Values that some condition could be about, and their neighbours; halves that no condition may be about.
const WORDS: [u64; 26] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    16,
    17,
    21,
    22,
    0x1_0015,
    0x80,
    0o100,
    0o755,
    0o2755,
    0o4755,
    0o20_200_000,
    0x8000,
    0x2_0000,
    0x4000_0000,
    0x1000_0001_0000_0002,
    u64::MAX,
];

/// Calls of `abi` with all numbers that have a name, some that have not, and in the first four arguments what `vary` has.
fn calls(abi: Abi, vary: &[[u64; 6]]) -> impl Iterator<Item = Call> {
    let named = abi.calls().keys().copied();
    let numbers: Vec<u32> = named.chain(0..600).chain([0xf_0000, 0xf_0007, 1 << 29, u32::MAX >> 2]).collect();
    let bit = if abi == Abi::X32 { X32_BIT } else { 0 };
    let of = move |number: u32| {
        vary.iter().map(move |args| Call { arch: abi.audit(), number: number | bit, args: *args })
    };
    numbers.into_iter().flat_map(of)
}

/// One argument at a time, the others with all bits or none.
fn classes() -> Vec<[u64; 6]> {
    let mut classes = vec![[0; 6], [u64::MAX; 6]];
    for word in WORDS {
        classes.push([word; 6]);
        for argument in 0..4 {
            for others in [0, u64::MAX] {
                let mut args = [others; 6];
                args[argument] = word;
                classes.push(args);
            }
        }
    }
    classes
}

fn agree(policy: &Policy, arch: Arch, vary: &[[u64; 6]]) {
    let Some(program) = compile(policy, arch).unwrap() else {
        return;
    };
    for abi in Abi::of(arch) {
        for call in calls(*abi, vary) {
            let (answer, _) = run(&program.instructions, &call);
            let expected = model::judge(policy, Abi::of(arch), &call);
            assert_eq!(
                answer,
                expected,
                "{abi:?} {call:x?} {:?} of {policy:?}",
                abi.calls().get(&(call.number & !X32_BIT))
            );
        }
    }
    let foreign = Call { arch: 0xDEAD_BEEF, number: 1, args: [0; 6] };
    assert_eq!(run(&program.instructions, &foreign).0, model::judge(policy, Abi::of(arch), &foreign));
}

fn list(allow: bool, words: &[&'static str]) -> CallList {
    let mut list = CallList::filter(allow);
    for word in words {
        match groups::calls(word) {
            Some(calls) => list.add_group(calls, !allow, None),
            None => list.add(groups::call(word).unwrap(), !allow, None),
        }
    }
    list
}

fn families(allow: bool, families: impl IntoIterator<Item = u32>) -> Families {
    Families { allow, families: families.into_iter().collect() }
}

/// All settings at once, the usual service's list of calls among them.
fn everything() -> Policy {
    Policy {
        calls: Some(list(true, &["@system-service"])),
        denial: Denial::Errno(1),
        architectures: None,
        log: None,
        families: Some(families(true, [1, 2, 10])),
        namespaces: Some(0),
        realtime: true,
        suid_sgid: true,
        write_execute: true,
        personality: Some(0),
        tunables: true,
        modules: true,
        kernel_logs: true,
        clock: true,
        hostname: true,
        raw_io: true,
    }
}

/// Each setting by itself, and all at once for the kernel's own interface only.
fn policies() -> Vec<Policy> {
    let none = Policy::default();
    vec![
        Policy { calls: Some(list(true, &["@system-service"])), ..none.clone() },
        Policy {
            calls: Some(list(false, &["@mount", "@privileged"])),
            denial: Denial::Errno(1),
            ..none.clone()
        },
        Policy { log: Some(CallList { allow: true, ..list(false, &["@clock"]) }), ..none.clone() },
        Policy { architectures: Some([].into()), ..none.clone() },
        Policy { architectures: Some([Abi::X86, Abi::Riscv32].into()), ..none.clone() },
        Policy { families: Some(families(true, [])), ..none.clone() },
        Policy { families: Some(families(true, [1, 2, 10, 16])), ..none.clone() },
        Policy { families: Some(families(false, [17])), ..none.clone() },
        Policy { namespaces: Some(0), ..none.clone() },
        Policy { namespaces: Some(0x2_0000), ..none.clone() },
        Policy { realtime: true, ..none.clone() },
        Policy { suid_sgid: true, ..none.clone() },
        Policy { write_execute: true, ..none.clone() },
        Policy { personality: Some(0), ..none.clone() },
        Policy { tunables: true, ..none.clone() },
        Policy { modules: true, ..none.clone() },
        Policy { kernel_logs: true, ..none.clone() },
        Policy { clock: true, ..none.clone() },
        Policy { hostname: true, ..none.clone() },
        Policy { raw_io: true, ..none },
        Policy { architectures: Some([].into()), ..everything() },
    ]
}

/// All arguments alike.
fn few_classes() -> Vec<[u64; 6]> {
    WORDS.map(|word| [word; 6]).into()
}

#[test]
fn every_setting_answers_every_call_as_its_plain_rule() {
    let few = few_classes();
    for policy in policies() {
        for arch in ARCHS {
            agree(&policy, arch, &few);
        }
    }
}

#[test]
fn all_settings_together_answer_every_call_and_every_class_of_arguments_as_the_plain_rule() {
    let classes = classes();
    for arch in ARCHS {
        agree(&everything(), arch, &classes);
    }
}

fn any_list() -> impl Strategy<Value = CallList> {
    let names: Vec<&'static str> =
        Abi::ALL.into_iter().flat_map(|abi| abi.calls().values().copied()).collect();
    let denial = prop::option::weighted(0.2, any_denial());
    let words = prop::collection::vec((prop::sample::select(names), any::<bool>(), denial), 0..40);
    let groups = prop::collection::vec(
        (prop::sample::select(groups::names().collect::<Vec<_>>()), any::<bool>()),
        0..4,
    );
    (any::<bool>(), groups, words).prop_map(|(allow, groups, words)| {
        let mut list = CallList::filter(allow);
        for (group, inverted) in groups {
            list.add_group(groups::calls(group).unwrap_or_default(), inverted, None);
        }
        for (call, inverted, denial) in words {
            list.add(call, inverted, denial.filter(|_| inverted));
        }
        list
    })
}

fn any_denial() -> impl Strategy<Value = Denial> {
    prop_oneof![Just(Denial::Kill), (0u16..4096).prop_map(Denial::Errno)]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let lists = (prop::option::of(any_list()), any_denial(), prop::option::weighted(0.3, any_list()));
    let families = prop::option::of((any::<bool>(), prop::collection::btree_set(0u32..46, 0..12)));
    let architectures =
        prop::option::of(prop::collection::btree_set(prop::sample::select(Abi::ALL.to_vec()), 0..4));
    let numbers = (prop::option::of(any::<u32>()), prop::option::of(0u32..16));
    (lists, families, architectures, numbers, any::<[bool; 9]>()).prop_map(
        |((calls, denial, log), families, architectures, (namespaces, personality), on)| {
            let [realtime, suid_sgid, write_execute, tunables, modules, kernel_logs, clock, hostname, raw_io] = on;
            let families = families.map(|(allow, families)| Families { allow, families });
            Policy {
                calls,
                denial,
                architectures,
                log,
                families,
                namespaces,
                realtime,
                suid_sgid,
                write_execute,
                personality,
                tunables,
                modules,
                kernel_logs,
                clock,
                hostname,
                raw_io,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_settings_answer_any_call_as_the_plain_rule(
        policy in any_policy(),
        arch in prop::sample::select(ARCHS.to_vec()),
        args in prop::collection::vec(prop::array::uniform6(prop_oneof![any::<u64>(), prop::sample::select(WORDS.to_vec())]), 1..6),
    ) {
        agree(&policy, arch, &args);
    }
}

#[test]
fn nothing_restricted_is_no_program() {
    for arch in ARCHS {
        assert_eq!(compile(&Policy::default(), arch).unwrap(), None);
        assert_eq!(compile(&Policy { namespaces: Some(u32::MAX), ..Policy::default() }, arch).unwrap(), None);
    }
}

#[test]
fn programs_are_small_and_every_call_is_found_quickly() {
    let service = Policy { calls: Some(list(true, &["@system-service"])), ..Policy::default() };
    let native = Policy { architectures: Some([].into()), ..everything() };
    let dynamic_user = Policy { suid_sgid: true, ..Policy::default() };
    // Per architecture in the order of ARCHS: the most instructions, and the longest way to an answer.
    let limits = [
        (dynamic_user, [48, 41, 32, 25], 20),
        (service, [133, 159, 110, 115], 20),
        (everything(), [211, 225, 163, 168], 20),
        (native, [110, 103, 163, 103], 20),
    ];
    for (policy, most, longest) in limits {
        for (arch, most) in ARCHS.into_iter().zip(most) {
            let program = compile(&policy, arch).unwrap().unwrap();
            assert!(
                program.instructions.len() <= most,
                "{arch:?}: {} instructions of {policy:?}",
                program.instructions.len()
            );
            for abi in Abi::of(arch) {
                for call in calls(*abi, &[[0; 6], [u64::MAX; 6]]) {
                    let (_, steps) = run(&program.instructions, &call);
                    assert!(steps <= longest, "{abi:?} {call:x?} takes {steps} instructions of {policy:?}");
                }
            }
        }
    }
}
