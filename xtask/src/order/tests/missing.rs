//! What is said of units that are not there.

use super::*;

/// A setting, the unit it names, and what is said.
const CASES: &[(&str, &str, &[&str])] = &[
    ("Requires", "b.service", &["units/a.service:2: Error: Requires=b.service: no such unit in this image"]),
    (
        "Requires",
        "dbus.socket",
        &["units/a.service:2: Error: Requires=dbus.socket: tomte has no such unit \
               / put the units of a D-Bus daemon beside this one"],
    ),
    (
        "Requires",
        "data.automount",
        &["units/a.service:2: Error: Requires=data.automount: tomte has no automount units"],
    ),
    (
        "Requires",
        "-.mount",
        &[
            "units/a.service:2: Note: Requires=-.mount: not needed, mounted before the first unit starts; dropped",
        ],
    ),
    (
        "Wants",
        "bcd.service",
        &["units/a.service:2: Note: Wants=bcd.service: no such unit in this image; dropped"],
    ),
    (
        "Wants",
        "dbus.socket",
        &["units/a.service:2: Note: Wants=dbus.socket: tomte has no such unit; dropped"],
    ),
    (
        "After",
        "bcd.service",
        &["units/a.service:2: Note: After=bcd.service: no such unit in this image; dropped"],
    ),
    (
        "After",
        "netwrok.target",
        &["units/a.service:2: Warning: After=netwrok.target: no such unit in this image; dropped \
               / did you mean \"network.target\"?"],
    ),
    ("Before", "shutdown.target", &[]),
    ("After", "a.service", &["units/a.service:2: Warning: After=a.service: a.service names itself; dropped"]),
    (
        "WantedBy",
        "reboot.target",
        &[
            "units/a.service:2: Warning: WantedBy=reboot.target: tomte shuts down without units, so this starts \
               nothing; dropped",
        ],
    ),
    ("WantedBy", "dev-x.device", &[]),
    ("BindsTo", "dev-x.device", &[]),
    (
        "After",
        "dev-x.device",
        &[
            "units/a.service:2: Note: After=dev-x.device: no unit asks for this device, so nobody waits for it; dropped",
        ],
    ),
    (
        "BindsTo",
        "sys-x.device",
        &[
            "units/a.service:2: Warning: BindsTo=sys-x.device: only devices with a node in /dev are waited for: the \
               unit starts whether this one is there or not; dropped",
        ],
    ),
    ("After", "systemd-remount-fs.service", &[]),
    (
        "Wants",
        "systemd-networkd.service",
        &["units/a.service:2: Note: Wants=systemd-networkd.service: tomte has no such unit; dropped"],
    ),
];

#[test]
fn missing_units_weigh_what_their_mention_weighs() {
    for (setting, other, expected) in CASES {
        let (graph, said) = graph_of(vec![service("a.service").with(2, setting, &[*other])], &MULTI_USER);
        assert_eq!(said, *expected);
        assert_eq!(graph.is_empty(), said.iter().any(|one| one.contains("Error")));
    }
}

#[test]
fn a_missing_unit_that_many_want_is_said_once() {
    let units =
        ["a", "b", "c"].map(|name| service(&format!("{name}.service")).with(2, "Wants", &["zzz.service"]));
    assert_eq!(graph_of(units.to_vec(), &MULTI_USER).1.len(), 1);
    let units =
        ["a", "b", "c"].map(|name| service(&format!("{name}.service")).with(2, "Requires", &["zzz.service"]));
    assert_eq!(graph_of(units.to_vec(), &MULTI_USER).1.len(), 3, "each of them cannot start");
}

#[test]
fn a_missing_default_target_is_an_error_with_the_one_meant() {
    let (_, said) =
        graph_of(Vec::new(), &Wanted { default_target: "multiuser.target", enable: None, orphans: false });
    let expected = "Error: default-target: multiuser.target: no such unit in this image / did you mean \"multi-user.target\"?";
    assert_eq!(said, [expected]);
}
