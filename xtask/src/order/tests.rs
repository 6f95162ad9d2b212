use super::*;

/// A target with a file, which is the least a unit can be.
fn target(name: &str) -> Unit {
    Unit {
        file: Some(format!("units/{name}").into()),
        default_dependencies: false,
        ..own_unit(&targets::TARGETS[0])
    }
    .renamed(name)
}

impl Unit {
    fn renamed(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        (self.wants, self.requires, self.after) = (Vec::new(), Vec::new(), Vec::new());
        self
    }

    fn with(mut self, line: usize, setting: &str, others: &[&str]) -> Self {
        let place = Place { file: self.file.clone().unwrap(), line, column: setting.len() + 2 };
        let list = match setting {
            "Wants" => &mut self.wants,
            "Requires" => &mut self.requires,
            "After" => &mut self.after,
            "Before" => &mut self.before,
            "WantedBy" => &mut self.install.wanted_by,
            "RequiredBy" => &mut self.install.required_by,
            other => panic!("no setting {other}"),
        };
        list.extend(
            others.iter().map(|other| Located { value: (*other).to_owned(), place: Some(place.clone()) }),
        );
        self.install.present |= setting.ends_with("By");
        self
    }

    fn with_default_dependencies(mut self) -> Self {
        self.default_dependencies = true;
        self
    }
}

const MULTI_USER: Wanted<'_> = Wanted { default_target: "multi-user.target", enable: None };

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
