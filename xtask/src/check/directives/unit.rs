//! systemd.unit(5): [Unit] and [Install].

use tomte::table::JobMode;

use super::{Directive, Off, Page, boolean, extra, inert, put, supported};
use crate::{
    check::{
        conditions::condition,
        exec as e,
        relations::{
            action, action_exit_status, install, job_mode, job_timeout, mounts_for, names, reboot_argument,
            related, renamed,
        },
        service as s,
    },
    values::scalar,
};

const MANUAL: &str = "systemd.unit(5)";

pub const UNIT: Page = Page { manual: MANUAL, directives: UNIT_DIRECTIVES };
pub const INSTALL: Page = Page { manual: MANUAL, directives: INSTALL_DIRECTIVES };

const OBSOLETE: &str = "systemd does nothing about it any more";

const JOB_MODES: &str = "all but triggering, which is about a stop";

const fn when(key: &'static str) -> Directive {
    supported(key, condition)
}

const UNIT_DIRECTIVES: &[Directive] = &[
    supported("After", related),
    supported("AllowIsolate", |d, a, _| put(&mut d.unit.manners.allow_isolate, scalar::boolean(&a.value))),
    when("AssertACPower"),
    when("AssertArchitecture"),
    when("AssertCPUFeature"),
    when("AssertCPUPressure"),
    when("AssertCPUs"),
    when("AssertCapability"),
    when("AssertControlGroupController"),
    when("AssertCredential"),
    when("AssertDirectoryNotEmpty"),
    when("AssertEnvironment"),
    when("AssertFileIsExecutable"),
    when("AssertFileNotEmpty"),
    when("AssertFirmware"),
    when("AssertFirstBoot"),
    when("AssertGroup"),
    when("AssertHost"),
    when("AssertIOPressure"),
    when("AssertKernelCommandLine"),
    when("AssertKernelVersion"),
    when("AssertMemory"),
    when("AssertMemoryPressure"),
    when("AssertNeedsUpdate"),
    when("AssertOSRelease"),
    when("AssertPathExists"),
    when("AssertPathExistsGlob"),
    when("AssertPathIsDirectory"),
    when("AssertPathIsEncrypted"),
    when("AssertPathIsMountPoint"),
    when("AssertPathIsReadWrite"),
    when("AssertPathIsSymbolicLink"),
    when("AssertSecurity"),
    when("AssertUser"),
    when("AssertVersion"),
    when("AssertVirtualization"),
    supported("Before", related),
    supported("BindTo", renamed),
    supported("BindsTo", related),
    supported("CollectMode", |d, a, _| {
        let words = [("inactive", false), ("inactive-or-failed", true)];
        put(&mut d.unit.manners.collect_failed, scalar::choice(&a.value, &words))
    })
    .note("the table has every unit for good: a unit that is collected is inactive, and its result is kept"),
    when("ConditionACPower"),
    when("ConditionArchitecture"),
    when("ConditionCPUFeature"),
    when("ConditionCPUPressure"),
    when("ConditionCPUs"),
    when("ConditionCapability"),
    when("ConditionControlGroupController"),
    when("ConditionCredential"),
    when("ConditionDirectoryNotEmpty"),
    when("ConditionEnvironment"),
    when("ConditionFileIsExecutable"),
    when("ConditionFileNotEmpty"),
    when("ConditionFirmware"),
    when("ConditionFirstBoot"),
    when("ConditionGroup"),
    when("ConditionHost"),
    when("ConditionIOPressure"),
    when("ConditionKernelCommandLine"),
    when("ConditionKernelVersion"),
    when("ConditionMemory"),
    when("ConditionMemoryPressure"),
    when("ConditionNeedsUpdate"),
    when("ConditionOSRelease"),
    when("ConditionPathExists"),
    when("ConditionPathExistsGlob"),
    when("ConditionPathIsDirectory"),
    when("ConditionPathIsEncrypted"),
    when("ConditionPathIsMountPoint"),
    when("ConditionPathIsReadWrite"),
    when("ConditionPathIsSymbolicLink"),
    when("ConditionSecurity"),
    when("ConditionUser"),
    when("ConditionVersion"),
    when("ConditionVirtualization"),
    supported("Conflicts", related),
    supported("DefaultDependencies", |d, a, _| {
        put(&mut d.unit.default_dependencies, scalar::boolean(&a.value))
    }),
    supported("Description", |d, a, cx| put(&mut d.unit.description, e::text(a, cx))),
    inert("Documentation", "for people; `explain` shows the file"),
    supported("FailureAction", |d, a, cx| action(&mut d.unit.manners.failure_action, a, cx))
        .note("when no restart follows"),
    supported("FailureActionExitStatus", |d, a, _| action_exit_status(&mut d.unit.manners.failure_status, a)),
    supported("IgnoreOnIsolate", |d, a, _| {
        put(&mut d.unit.manners.ignore_on_isolate, scalar::boolean(&a.value))
    }),
    inert("IgnoreOnSnapshot", OBSOLETE),
    supported("JobRunningTimeoutSec", |d, a, _| job_timeout(&mut d.unit.manners.job_running_timeout, a)),
    supported("JobTimeoutAction", |d, a, cx| action(&mut d.unit.manners.job_timeout_action, a, cx)),
    supported("JobTimeoutRebootArgument", |d, a, cx| {
        reboot_argument(&mut d.unit.job_timeout_reboot_argument, a, cx)
    }),
    supported("JobTimeoutSec", |d, a, _| job_timeout(&mut d.unit.manners.job_timeout, a))
        .note("not while the machine ends, which takes half an hour at most"),
    supported("JoinsNamespaceOf", related)
        .note("who is without a setting of its own shares nothing; who has it is never without what it says; in either direction"),
    supported("OnFailure", related),
    supported("OnFailureIsolate", |d, a, _| {
        let isolates = scalar::boolean(&a.value)?;
        d.unit.manners.on_failure_mode = if isolates { JobMode::Isolate } else { JobMode::Replace };
        Ok(())
    }),
    supported("OnFailureJobMode", |d, a, _| job_mode(&mut d.unit.manners.on_failure_mode, a)).note(JOB_MODES),
    supported("OnSuccess", related),
    supported("OnSuccessJobMode", |d, a, _| job_mode(&mut d.unit.manners.on_success_mode, a)).note(JOB_MODES),
    supported("PartOf", related),
    supported("PropagateReloadFrom", renamed),
    supported("PropagateReloadTo", renamed),
    supported("PropagatesReloadTo", related),
    supported("PropagatesStopTo", related),
    supported("RebootArgument", |d, a, cx| reboot_argument(&mut d.unit.reboot_argument, a, cx)),
    supported("RefuseManualStart", |d, a, _| {
        put(&mut d.unit.manners.refuse_manual_start, scalar::boolean(&a.value))
    }),
    supported("RefuseManualStop", |d, a, _| {
        put(&mut d.unit.manners.refuse_manual_stop, scalar::boolean(&a.value))
    }),
    supported("ReloadPropagatedFrom", related),
    supported("Requires", related),
    supported("RequiresMountsFor", mounts_for),
    supported("RequiresOverridable", renamed),
    supported("Requisite", related),
    supported("RequisiteOverridable", renamed),
    inert("SourcePath", "for people; it names what a generator made the file from"),
    supported("StartLimitAction", |d, a, cx| action(&mut d.unit.manners.start_limit_action, a, cx)),
    supported("StartLimitBurst", s::start_limit_burst),
    supported("StartLimitInterval", s::start_limit_interval_legacy),
    supported("StartLimitIntervalSec", s::start_limit_interval),
    supported("StopPropagatedFrom", related),
    supported("StopWhenUnneeded", |d, a, _| {
        put(&mut d.unit.manners.stop_when_unneeded, scalar::boolean(&a.value))
    }),
    supported("SuccessAction", |d, a, cx| action(&mut d.unit.manners.success_action, a, cx)),
    supported("SuccessActionExitStatus", |d, a, _| action_exit_status(&mut d.unit.manners.success_status, a)),
    extra("SurviveFinalKillSignal", boolean).unless(Off::No),
    supported("Upholds", related),
    supported("Wants", related),
    supported("WantsMountsFor", mounts_for),
];

const INSTALL_DIRECTIVES: &[Directive] = &[
    supported("Alias", |d, a, cx| names(&mut d.unit.install.aliases, a, cx)),
    supported("Also", |d, a, cx| names(&mut d.unit.install.also, a, cx)),
    supported("DefaultInstance", |d, a, cx| put(&mut d.default_instance, e::text(a, cx))),
    supported("RequiredBy", install),
    supported("UpheldBy", install),
    supported("WantedBy", install),
];
