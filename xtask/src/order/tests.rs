use super::*;
use crate::model::Located;

/// A target with a file, which is the least a unit can be.
fn target(name: &str) -> Unit {
    let unit = Unit::new(name, Kind::Target, check::START_LIMIT);
    Unit { file: Some(format!("units/{name}").into()), default_dependencies: false, ..unit }
}

impl Unit {
    fn with(mut self, line: usize, setting: &str, others: &[&str]) -> Self {
        let place = Place { file: self.file.clone().unwrap(), line, column: setting.len() + 2 };
        let relation = Relation::of(setting).unwrap_or_else(|| panic!("no setting {setting}"));
        let installed = setting.ends_with("By");
        let list = if installed { &mut self.install.relations } else { &mut self.relations };
        for other in others {
            list.push(relation, Located { value: (*other).to_owned(), place: Some(place.clone()) });
        }
        self.install.present |= installed;
        self
    }

    fn with_default_dependencies(mut self) -> Self {
        self.default_dependencies = true;
        self
    }
}

const MULTI_USER: Wanted<'_> = Wanted { default_target: "multi-user.target", enable: None, orphans: false };

fn said(diagnostics: &Diagnostics) -> Vec<String> {
    let one = |problem: &Diagnostic| {
        let place = problem
            .place
            .as_ref()
            .map_or_else(String::new, |place| format!("{}:{}: ", place.file.display(), place.line));
        let mut text = format!("{place}{:?}: {}", problem.severity, problem.message);
        for help in &problem.help {
            text += &format!(" / {help}");
        }
        text
    };
    diagnostics.iter().map(one).collect()
}

/// The graph as `unit: wants …; requires …; after …`, and what was said.
fn graph_of(units: Vec<Unit>, wanted: &Wanted<'_>) -> (Vec<String>, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let graph = Graph::new(units, wanted, &mut diagnostics);
    let text = |graph: &Graph, node: &Node| {
        let names = |ids: Vec<UnitId>| {
            ids.iter()
                .map(|id| graph.node(*id).unit.name.split('.').next().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(",")
        };
        format!(
            "{}: wants {}; requires {}; after {}; wave {}",
            node.unit.name,
            names(node.wants.iter().copied().collect()),
            names(node.requires.iter().copied().collect()),
            names(node.after.keys().copied().collect()),
            node.wave
        )
    };
    let lines = graph.map(|graph| graph.nodes.iter().map(|node| text(&graph, node)).collect());
    (lines.unwrap_or_default(), said(&diagnostics))
}

#[test]
fn an_empty_image_has_the_targets_that_its_default_target_requires() {
    let (graph, said) = graph_of(Vec::new(), &MULTI_USER);
    assert_eq!(
        graph,
        [
            "basic.target: wants ; requires sysinit; after sysinit; wave 2",
            "multi-user.target: wants ; requires basic; after basic; wave 3",
            "sysinit.target: wants ; requires ; after ; wave 1",
        ]
    );
    assert_eq!(said, [""; 0]);
}

/// One line of [`graph_of`].
fn line<'g>(graph: &'g [String], unit: &str) -> &'g str {
    graph.iter().find(|line| line.starts_with(&format!("{unit}:"))).expect("the unit is in the graph")
}

fn service(name: &str) -> Unit {
    crate::testing::service(name, |_| {})
}

#[test]
fn a_service_gets_the_default_dependencies_and_its_target_waits_for_it() {
    let (graph, said) =
        graph_of(vec![service("a.service").with(9, "WantedBy", &["multi-user.target"])], &MULTI_USER);
    assert_eq!(line(&graph, "a.service"), "a.service: wants ; requires sysinit; after basic,sysinit; wave 3");
    assert_eq!(
        line(&graph, "multi-user.target"),
        "multi-user.target: wants a; requires basic; after a,basic; wave 4"
    );
    assert_eq!(said, [""; 0]);
}

#[test]
fn without_default_dependencies_nothing_is_implied() {
    let mut unit = service("a.service").with(9, "WantedBy", &["multi-user.target"]);
    unit.default_dependencies = false;
    let (graph, _) = graph_of(vec![unit], &MULTI_USER);
    assert_eq!(line(&graph, "a.service"), "a.service: wants ; requires ; after ; wave 1");
    assert_eq!(
        line(&graph, "multi-user.target"),
        "multi-user.target: wants a; requires basic; after basic; wave 3"
    );
}

#[test]
fn a_service_of_early_boot_does_not_make_its_target_wait_for_itself() {
    let (graph, said) =
        graph_of(vec![service("a.service").with(9, "WantedBy", &["basic.target"])], &MULTI_USER);
    assert_eq!(
        line(&graph, "basic.target"),
        "basic.target: wants a; requires sysinit; after sysinit; wave 2"
    );
    assert_eq!(said, [""; 0]);
}

#[test]
fn a_target_of_the_image_wins_over_the_one_tomte_brings() {
    let units = vec![target("multi-user.target").with(2, "Wants", &["x.target"]), target("x.target")];
    let (graph, said) = graph_of(units, &MULTI_USER);
    assert_eq!(
        graph,
        [
            "multi-user.target: wants x; requires ; after ; wave 1",
            "x.target: wants ; requires ; after ; wave 1"
        ]
    );
    assert_eq!(said, [""; 0]);
}

#[test]
fn targets_come_along_when_mentioned_and_are_ordered_among_themselves() {
    let units = vec![service("a.service").with(3, "After", &["network-online.target", "network.target"])];
    let (graph, said) = graph_of(units, &MULTI_USER);
    assert!(line(&graph, "network-online.target").contains("after network;"));
    assert!(line(&graph, "network.target").contains("after ;"), "network-pre.target is nobody's wish");
    assert_eq!(said, [""; 0]);
}

#[test]
fn graphical_is_multi_user_and_default_is_what_the_board_says() {
    let units = || vec![service("a.service").with(3, "WantedBy", &["default.target"])];
    let (graph, _) =
        graph_of(units(), &Wanted { default_target: "graphical.target", enable: None, orphans: false });
    assert!(line(&graph, "graphical.target").starts_with("graphical.target: wants a; requires multi-user;"));
    let (graph, _) =
        graph_of(units(), &Wanted { default_target: "runlevel3.target", enable: None, orphans: false });
    assert!(line(&graph, "multi-user.target").contains("wants a;"));
}

#[test]
fn every_relation_has_its_inverse() {
    let units = vec![
        target("a.target").with(2, "Wants", &["b.target"]).with(3, "Before", &["b.target"]),
        target("b.target").with(2, "Requires", &["c.target"]).with(9, "RequiredBy", &["a.target"]),
        target("c.target").with(2, "After", &["b.target"]).with_default_dependencies(),
    ];
    let graph = Graph::new(units, &MULTI_USER, &mut Diagnostics::default()).unwrap();
    for id in graph.ids() {
        for other in graph.ids() {
            let (one, two) = (graph.node(id), graph.node(other));
            assert_eq!(one.wants.contains(&other), two.wanted_by.contains(&id));
            assert_eq!(one.requires.contains(&other), two.required_by.contains(&id));
            assert_eq!(one.after.contains_key(&other), two.before.contains(&id));
            assert!(!one.after.contains_key(&other) || one.wave > two.wave);
        }
    }
    let edges: usize =
        graph.nodes.iter().map(|node| node.after.len() + node.requires.len() + node.wants.len()).sum();
    assert!(edges >= 5, "{edges}");
}

#[test]
fn only_enabled_units_are_pulled_in_and_the_others_stay_startable() {
    let units = || {
        vec![
            service("a.service").with(9, "WantedBy", &["multi-user.target"]),
            service("b.service").with(9, "WantedBy", &["multi-user.target"]),
            service("c.service"),
        ]
    };
    let enable = ["b.service".to_owned()];
    let (graph, said) = graph_of(units(), &Wanted { enable: Some(&enable), ..MULTI_USER });
    assert!(line(&graph, "multi-user.target").contains("wants b;"));
    assert!(
        line(&graph, "a.service").starts_with("a.service:")
            && line(&graph, "c.service").starts_with("c.service:")
    );
    assert_eq!(said, [""; 0]);
    let enable = ["bb.service".to_owned()];
    let (_, said) = graph_of(units(), &Wanted { enable: Some(&enable), ..MULTI_USER });
    let expected = "Error: enable: bb.service: no such unit in this image / did you mean \"b.service\"?";
    assert_eq!(said, [expected]);
}

#[test]
fn a_unit_that_the_board_enables_starts_even_if_it_says_nothing_of_it() {
    let enable = ["a.service".to_owned()];
    let units = vec![service("a.service"), service("b.service")];
    let (graph, said) = graph_of(units, &Wanted { enable: Some(&enable), ..MULTI_USER });
    assert!(line(&graph, "multi-user.target").contains("wants a; requires basic; after a,basic;"));
    assert_eq!(said, [""; 0]);
}

#[test]
fn orphans_start_when_they_are_wanted_and_helpers_of_others_do_not_become_orphans() {
    let units = vec![
        service("alone.service"),
        service("main.service").with(2, "Wants", &["helper.service"]),
        service("helper.service"),
        service("installed.service").with(9, "WantedBy", &["getty.target"]),
    ];
    let (graph, said) = graph_of(units, &Wanted { orphans: true, ..MULTI_USER });
    assert!(line(&graph, "multi-user.target").contains("wants alone,getty,main;"), "{graph:?}");
    assert_eq!(said, [""; 0]);
}

#[test]
fn also_enables_along_and_an_alias_is_the_unit_itself() {
    let mut one = service("one.service").with(9, "WantedBy", &["multi-user.target"]);
    one.install.also = vec![Located { value: "two.service".into(), place: None }];
    let mut two = service("two.service").with(9, "WantedBy", &["multi-user.target"]);
    two.install.aliases = vec![Located { value: "second.service".into(), place: None }];
    let three = service("three.service").with(2, "After", &["second.service"]);
    let enable = ["one.service".to_owned()];
    let (graph, said) = graph_of(vec![one, two, three], &Wanted { enable: Some(&enable), ..MULTI_USER });
    assert!(line(&graph, "multi-user.target").contains("wants one,two;"));
    assert!(line(&graph, "three.service").contains("after basic,sysinit,two;"));
    assert_eq!(said, [""; 0]);
}

#[test]
fn a_cycle_is_refused_with_its_path_and_every_line_that_makes_it() {
    let units = vec![
        service("a.service").with(2, "After", &["b.service"]),
        service("b.service").with(3, "After", &["c.service"]),
        service("c.service").with(4, "After", &["a.service"]),
        service("d.service").with(5, "After", &["a.service"]),
    ];
    let (graph, said) = graph_of(units, &MULTI_USER);
    assert_eq!(graph, [""; 0]);
    assert_eq!(
        said,
        ["units/a.service:2: Error: ordering cycle: a.service -> b.service -> c.service -> a.service \
          / a.service starts after b.service: units/a.service:2:7: After=b.service \
          / b.service starts after c.service: units/b.service:3:7: After=c.service \
          / c.service starts after a.service: units/c.service:4:7: After=a.service"]
    );
}

#[test]
fn a_cycle_through_default_dependencies_says_the_way_out() {
    let units = vec![service("mount.service").with(2, "Before", &["sysinit.target"])];
    let (_, said) = graph_of(units, &MULTI_USER);
    assert_eq!(
        said,
        ["units/mount.service:2: Error: ordering cycle: mount.service -> sysinit.target -> mount.service \
          / mount.service starts after sysinit.target: DefaultDependencies=yes \
          / sysinit.target starts after mount.service: units/mount.service:2:8: Before=sysinit.target \
          / a unit that early boot needs says DefaultDependencies=no"]
    );
}

#[test]
fn two_cycles_are_both_reported() {
    let units = vec![
        target("a.target").with(2, "After", &["b.target"]),
        target("b.target").with(2, "After", &["a.target"]),
        target("c.target").with(2, "After", &["d.target"]),
        target("d.target").with(2, "After", &["c.target"]),
    ];
    assert_eq!(graph_of(units, &MULTI_USER).1.len(), 2);
}

#[test]
fn a_cycle_of_requirements_alone_is_fine() {
    let units = vec![
        target("a.target").with(2, "Requires", &["b.target"]),
        target("b.target").with(2, "Requires", &["a.target"]),
    ];
    let (graph, said) = graph_of(units, &MULTI_USER);
    assert!(line(&graph, "a.target").contains("requires b;"));
    assert_eq!(said, [""; 0]);
}

#[test]
fn missing_units_weigh_what_their_mention_weighs() {
    let cases: [(&str, &str, &[&str]); 12] = [
        (
            "Requires",
            "b.service",
            &["units/a.service:2: Error: Requires=b.service: no such unit in this image"],
        ),
        (
            "Requires",
            "dbus.socket",
            &["units/a.service:2: Error: Requires=dbus.socket: tomte has no such unit"],
        ),
        (
            "Requires",
            "data.mount",
            &["units/a.service:2: Error: Requires=data.mount: tomte has no mount units"],
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
            &["units/a.service:2: Warning: Wants=bcd.service: no such unit in this image; dropped"],
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
        (
            "After",
            "a.service",
            &["units/a.service:2: Warning: After=a.service: a.service names itself; dropped"],
        ),
        (
            "WantedBy",
            "reboot.target",
            &[
                "units/a.service:2: Warning: WantedBy=reboot.target: tomte shuts down without units, so this starts \
               nothing; dropped",
            ],
        ),
        (
            "WantedBy",
            "dev-x.device",
            &["units/a.service:2: Note: WantedBy=dev-x.device: tomte has no device units; dropped"],
        ),
    ];
    for (setting, other, expected) in cases {
        let (graph, said) = graph_of(vec![service("a.service").with(2, setting, &[other])], &MULTI_USER);
        assert_eq!(said, expected);
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

#[test]
fn two_units_of_one_name_are_refused() {
    let (_, said) = graph_of(vec![service("a.service"), service("a.service")], &MULTI_USER);
    assert_eq!(said, ["Error: a.service is there twice: units/a.service and units/a.service"]);
}
