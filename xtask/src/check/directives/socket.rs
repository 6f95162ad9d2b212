//! systemd.socket(5): [Socket].

use super::{Directive, Off, Page, put, refused, supported};
use crate::{
    check::{exec::user, mount::mode, socket as s},
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.socket(5)", directives: DIRECTIVES };

const LSM: &str = "no policy of a security module is loaded at boot";

const DIRECTIVES: &[Directive] = &[
    supported("Accept", |d, a, _| put(&mut d.socket().accept, scalar::boolean(&a.value))),
    supported("Backlog", |d, a, _| put(&mut d.socket().backlog, scalar::number(&a.value))),
    supported("BindIPv6Only", s::bind_ipv6_only),
    supported("BindToDevice", s::bind_to_device),
    supported("Broadcast", |d, a, _| put(&mut d.socket().broadcast, scalar::boolean(&a.value))),
    supported("DeferAcceptSec", |d, a, _| s::optional_span(&mut d.socket().defer_accept, a)),
    supported("DirectoryMode", |d, a, _| put(&mut d.socket().directory_mode, mode(a))),
    supported("ExecStartPost", s::command),
    supported("ExecStartPre", s::command),
    supported("ExecStopPost", s::command),
    supported("ExecStopPre", s::command),
    supported("FileDescriptorName", s::descriptor_name),
    supported("FlushPending", |d, a, _| put(&mut d.socket().flush_pending, scalar::boolean(&a.value))),
    supported("FreeBind", |d, a, _| put(&mut d.socket().free_bind, scalar::boolean(&a.value))),
    supported("IPTOS", s::ip_tos),
    supported("IPTTL", s::ip_ttl),
    supported("KeepAlive", |d, a, _| put(&mut d.socket().keep_alive, scalar::boolean(&a.value))),
    supported("KeepAliveIntervalSec", |d, a, _| s::optional_span(&mut d.socket().keep_alive_interval, a)),
    supported("KeepAliveProbes", |d, a, _| s::optional(&mut d.socket().keep_alive_probes, a)),
    supported("KeepAliveTimeSec", |d, a, _| s::optional_span(&mut d.socket().keep_alive_time, a)),
    supported("ListenDatagram", s::listen),
    supported("ListenFIFO", s::listen),
    supported("ListenMessageQueue", s::listen),
    supported("ListenNetlink", s::listen),
    supported("ListenSequentialPacket", s::listen),
    supported("ListenSpecial", s::listen),
    supported("ListenStream", s::listen),
    refused("ListenUSBFunction", Off::Empty, "FunctionFS gadgets are set up by a program of the image"),
    supported("Mark", |d, a, _| s::optional(&mut d.socket().mark, a)),
    supported("MaxConnections", |d, a, _| put(&mut d.socket().max_connections, scalar::number(&a.value)))
        .note("8 unless the file says more, and 64 at most: the table has a service for each"),
    supported("MaxConnectionsPerSource", |d, a, _| {
        s::optional(&mut d.socket().max_connections_per_source, a)
    }),
    supported("MessageQueueMaxMessages", |d, a, _| s::queue(&mut d.socket().message_queue_max_messages, a)),
    supported("MessageQueueMessageSize", |d, a, _| s::queue(&mut d.socket().message_queue_message_size, a)),
    supported("NoDelay", |d, a, _| put(&mut d.socket().no_delay, scalar::boolean(&a.value))),
    supported("PassCredentials", |d, a, _| put(&mut d.socket().pass_credentials, scalar::boolean(&a.value))),
    supported("PassFileDescriptorsToExec", |d, a, _| {
        put(&mut d.socket().pass_file_descriptors_to_exec, scalar::boolean(&a.value))
    }),
    supported("PassPacketInfo", |d, a, _| put(&mut d.socket().pass_packet_info, scalar::boolean(&a.value))),
    supported("PassSecurity", |d, a, _| put(&mut d.socket().pass_security, scalar::boolean(&a.value))),
    supported("PipeSize", |d, a, _| s::buffer(&mut d.socket().pipe_size, a)),
    supported("PollLimitBurst", |d, a, _| put(&mut d.socket().poll_limit.burst, scalar::number(&a.value))),
    supported("PollLimitIntervalSec", |d, a, _| {
        put(&mut d.socket().poll_limit.interval, time::span(&a.value))
    }),
    supported("Priority", s::priority),
    supported("ReceiveBuffer", |d, a, _| s::buffer(&mut d.socket().receive_buffer, a)),
    supported("RemoveOnStop", |d, a, _| put(&mut d.socket().remove_on_stop, scalar::boolean(&a.value))),
    supported("ReusePort", |d, a, _| put(&mut d.socket().reuse_port, scalar::boolean(&a.value))),
    refused("SELinuxContextFromNet", Off::No, LSM),
    supported("SendBuffer", |d, a, _| s::buffer(&mut d.socket().send_buffer, a)),
    supported("Service", s::service),
    refused("SmackLabel", Off::Empty, LSM),
    refused("SmackLabelIPIn", Off::Empty, LSM),
    refused("SmackLabelIPOut", Off::Empty, LSM),
    supported("SocketGroup", |d, a, cx| put(&mut d.socket().socket_group, user(a, cx))),
    supported("SocketMode", |d, a, _| put(&mut d.socket().socket_mode, mode(a))),
    supported("SocketProtocol", s::protocol),
    supported("SocketUser", |d, a, cx| put(&mut d.socket().socket_user, user(a, cx))),
    supported("Symlinks", s::symlinks),
    supported("TCPCongestion", s::tcp_congestion),
    supported("TimeoutSec", |d, a, _| put(&mut d.socket().timeout, time::timeout(&a.value))),
    supported("Timestamping", s::timestamping),
    supported("Transparent", |d, a, _| put(&mut d.socket().transparent, scalar::boolean(&a.value))),
    supported("TriggerLimitBurst", |d, a, _| {
        put(&mut d.socket().trigger_limit.burst, scalar::number(&a.value))
    }),
    supported("TriggerLimitIntervalSec", |d, a, _| {
        put(&mut d.socket().trigger_limit.interval, time::span(&a.value))
    }),
    supported("Writable", |d, a, _| put(&mut d.socket().writable, scalar::boolean(&a.value))),
];
