//! `missing-kernel-feature` of board.toml: what the kernel may lack without a unit being refused for it.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::target::feature::Feature;

/// `missing-kernel-feature`: by the feature's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct MissingFeatures(BTreeMap<FeatureName, Lack>);

/// What a missing feature comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lack {
    /// What it would narrow stays wide; the posture says so.
    Degrade,
    /// The unit does not run.
    Refuse,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FeatureName(&'static str);

impl<'de> Deserialize<'de> for FeatureName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
            let mut names: Vec<&str> = Feature::ALL.into_iter().map(name_of).collect();
            names.sort_unstable();
            names.dedup();
            names
        });
        let written = String::deserialize(deserializer)?;
        let known = NAMES.iter().find(|name| **name == written);
        known.map(|name| Self(name)).ok_or_else(|| D::Error::unknown_variant(&written, &NAMES))
    }
}

fn name_of(feature: Feature) -> &'static str {
    Feature::name_of(feature as u32)
}

impl MissingFeatures {
    /// The features that the kernel may lack, as `tomte::table::Board` has them.
    pub fn may_lack(&self) -> u32 {
        let may = |feature: Feature| match self.0.get(&FeatureName(name_of(feature))) {
            Some(said) => *said == Lack::Degrade,
            None => match feature {
                Feature::SecondWall => true, // everything is enforced without it
                // What they share out is shared out by chance then, as under systemd.
                Feature::Cgroup
                | Feature::CgroupCpu
                | Feature::CgroupCpuset
                | Feature::CgroupMemory
                | Feature::CgroupIo
                | Feature::CgroupPids => true,
                Feature::Seccomp
                | Feature::Landlock
                | Feature::MountNamespaces
                | Feature::IpcNamespaces
                | Feature::UtsNamespaces
                | Feature::PidNamespaces
                | Feature::NetworkNamespaces
                | Feature::UserNamespaces
                | Feature::CgroupDevices
                | Feature::CgroupNetwork => false,
            },
        };
        Feature::ALL.into_iter().filter(|feature| may(*feature)).fold(0, |all, feature| all | feature.bit())
    }
}
