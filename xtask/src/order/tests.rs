mod missing;
mod start_time;

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
        for label in &problem.labels {
            text += &format!(" / {}:{}: {}", label.place.file.display(), label.place.line, label.text);
        }
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
fn what_only_hardware_would_start_is_enabled_in_vain_unless_its_target_is_enabled_too() {
    let units = || vec![service("a.service").with(9, "WantedBy", &["bluetooth.target"])];
    let names = ["a.service".to_owned(), "bluetooth.target".to_owned()];
    let (graph, said) = graph_of(units(), &Wanted { enable: Some(&names[..1]), ..MULTI_USER });
    assert!(line(&graph, "multi-user.target").contains("wants ;"));
    let expected = "Warning: enable: a.service: boot does not start it, for only bluetooth.target wants it \
        / enable bluetooth.target too: systemd would start it when such a device appears";
    assert_eq!(said, [expected]);
    let (graph, said) = graph_of(units(), &Wanted { enable: Some(&names), ..MULTI_USER });
    assert!(line(&graph, "multi-user.target").contains("wants bluetooth;"));
    assert!(line(&graph, "bluetooth.target").contains("wants a;"));
    assert_eq!(said, [""; 0]);
}

#[test]
fn each_kind_has_its_default_dependencies() {
    for (name, expected) in [
        ("a.timer", "a.timer: wants ; requires sysinit; after sysinit; wave 2"),
        ("a.path", "a.path: wants ; requires sysinit; after sysinit; wave 2"),
        ("a.slice", "a.slice: wants ; requires ; after ; wave 1"),
    ] {
        let mut unit = target(name).with_default_dependencies();
        unit.kind = check::default_kind(name.trim_start_matches("a.")).expect("a kind");
        let (graph, said) = graph_of(vec![unit], &MULTI_USER);
        assert_eq!(line(&graph, name), expected);
        assert_eq!(said, [""; 0]);
    }
    let mut timer = target("a.timer").with_default_dependencies().with(9, "WantedBy", &["timers.target"]);
    timer.kind = check::default_kind("timer").expect("a kind");
    let (graph, _) = graph_of(vec![timer], &MULTI_USER);
    assert_eq!(line(&graph, "timers.target"), "timers.target: wants a; requires ; after a; wave 3");
    assert!(line(&graph, "basic.target").starts_with("basic.target: wants timers;"));
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
fn names_besides_their_own_are_kept_and_what_is_masked() {
    let mut one = service("one.service");
    one.install.aliases = ["first.service", "two.service", "one.service"]
        .map(|alias| Located { value: alias.into(), place: None })
        .into();
    let mut diagnostics = Diagnostics::default();
    let mut graph = Graph::new(vec![one, service("two.service")], &MULTI_USER, &mut diagnostics).unwrap();
    graph.mask(vec!["gone.service".into(), "two.service".into(), "first.service".into()]);
    let aliases: Vec<_> = graph.aliases.iter().map(|(one, of)| format!("{one}={of}")).collect();
    // A unit that is there all the same has its name; a name that is masked is nobody's.
    assert_eq!(aliases, ["default.target=multi-user.target", "first.service=", "gone.service="]);
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
          / units/a.service:2: a.service starts after b.service \
          / units/b.service:3: b.service starts after c.service \
          / units/c.service:4: c.service starts after a.service"]
    );
}

#[test]
fn a_cycle_through_default_dependencies_says_the_way_out() {
    let units = vec![service("mount.service").with(2, "Before", &["sysinit.target"])];
    let (_, said) = graph_of(units, &MULTI_USER);
    assert_eq!(
        said,
        ["units/mount.service:2: Error: ordering cycle: mount.service -> sysinit.target -> mount.service \
          / units/mount.service:2: sysinit.target starts after mount.service \
          / mount.service starts after sysinit.target: DefaultDependencies=yes \
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
fn a_cycle_of_requirements_alone_is_told_and_fine() {
    let units = vec![
        target("a.target").with(2, "Requires", &["b.target"]),
        target("b.target").with(2, "Requires", &["a.target"]),
    ];
    let (graph, said) = graph_of(units, &MULTI_USER);
    assert!(line(&graph, "a.target").contains("requires b;"));
    assert_eq!(said.len(), 1);
    assert!(
        said[0].contains("Note: units that need each other: a.target -> b.target -> a.target")
            && said[0].contains("units/b.target:2:10: Requires=a.target"),
        "{said:?}"
    );
}

#[test]
fn two_units_of_one_name_are_refused() {
    let (_, said) = graph_of(vec![service("a.service"), service("a.service")], &MULTI_USER);
    assert_eq!(said, ["Error: a.service is there twice: units/a.service and units/a.service"]);
}
