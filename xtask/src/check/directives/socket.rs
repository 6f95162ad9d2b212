//! systemd.socket(5): [Socket].

use super::{Directive, Off, Page, extra, put, refused};
use crate::{
    check::{exec::user, mount::mode, socket as s},
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.socket(5)", directives: DIRECTIVES };

const LSM: &str = "no policy of a security module is loaded at boot";

const DIRECTIVES: &[Directive] = &[
    extra("Accept", |d, a, _| put(&mut d.socket().accept, scalar::boolean(&a.value))),
    extra("Backlog", |d, a, _| put(&mut d.socket().backlog, scalar::number(&a.value))),
    extra("BindIPv6Only", s::bind_ipv6_only),
    extra("BindToDevice", s::bind_to_device).unless(Off::Empty),
    extra("Broadcast", |d, a, _| put(&mut d.socket().broadcast, scalar::boolean(&a.value))),
    extra("DeferAcceptSec", |d, a, _| s::optional_span(&mut d.socket().defer_accept, a)),
    extra("DirectoryMode", |d, a, _| put(&mut d.socket().directory_mode, mode(a))),
    extra("ExecStartPost", s::command).unless(Off::Empty),
    extra("ExecStartPre", s::command).unless(Off::Empty),
    extra("ExecStopPost", s::command).unless(Off::Empty),
    extra("ExecStopPre", s::command).unless(Off::Empty),
    extra("FileDescriptorName", s::descriptor_name).unless(Off::Empty),
    extra("FlushPending", |d, a, _| put(&mut d.socket().flush_pending, scalar::boolean(&a.value))),
    extra("FreeBind", |d, a, _| put(&mut d.socket().free_bind, scalar::boolean(&a.value))),
    extra("IPTOS", s::ip_tos),
    extra("IPTTL", s::ip_ttl),
    extra("KeepAlive", |d, a, _| put(&mut d.socket().keep_alive, scalar::boolean(&a.value))),
    extra("KeepAliveIntervalSec", |d, a, _| s::optional_span(&mut d.socket().keep_alive_interval, a)),
    extra("KeepAliveProbes", |d, a, _| s::optional(&mut d.socket().keep_alive_probes, a)),
    extra("KeepAliveTimeSec", |d, a, _| s::optional_span(&mut d.socket().keep_alive_time, a)),
    extra("ListenDatagram", s::listen).unless(Off::Empty),
    extra("ListenFIFO", s::listen).unless(Off::Empty),
    extra("ListenMessageQueue", s::listen).unless(Off::Empty),
    extra("ListenNetlink", s::listen).unless(Off::Empty),
    extra("ListenSequentialPacket", s::listen).unless(Off::Empty),
    extra("ListenSpecial", s::listen).unless(Off::Empty),
    extra("ListenStream", s::listen).unless(Off::Empty),
    refused("ListenUSBFunction", Off::Empty, "FunctionFS gadgets are set up by a program of the image"),
    extra("Mark", |d, a, _| s::optional(&mut d.socket().mark, a)),
    extra("MaxConnections", |d, a, _| put(&mut d.socket().max_connections, scalar::number(&a.value))),
    extra("MaxConnectionsPerSource", |d, a, _| s::optional(&mut d.socket().max_connections_per_source, a)),
    extra("MessageQueueMaxMessages", |d, a, _| s::queue(&mut d.socket().message_queue_max_messages, a)),
    extra("MessageQueueMessageSize", |d, a, _| s::queue(&mut d.socket().message_queue_message_size, a)),
    extra("NoDelay", |d, a, _| put(&mut d.socket().no_delay, scalar::boolean(&a.value))),
    extra("PassCredentials", |d, a, _| put(&mut d.socket().pass_credentials, scalar::boolean(&a.value))),
    extra("PassFileDescriptorsToExec", |d, a, _| {
        put(&mut d.socket().pass_file_descriptors_to_exec, scalar::boolean(&a.value))
    }),
    extra("PassPacketInfo", |d, a, _| put(&mut d.socket().pass_packet_info, scalar::boolean(&a.value))),
    extra("PassSecurity", |d, a, _| put(&mut d.socket().pass_security, scalar::boolean(&a.value))),
    extra("PipeSize", |d, a, _| s::buffer(&mut d.socket().pipe_size, a)).unless(Off::Empty),
    extra("PollLimitBurst", |d, a, _| put(&mut d.socket().poll_limit.burst, scalar::number(&a.value))),
    extra("PollLimitIntervalSec", |d, a, _| put(&mut d.socket().poll_limit.interval, time::span(&a.value))),
    extra("Priority", s::priority),
    extra("ReceiveBuffer", |d, a, _| s::buffer(&mut d.socket().receive_buffer, a)).unless(Off::Empty),
    extra("RemoveOnStop", |d, a, _| put(&mut d.socket().remove_on_stop, scalar::boolean(&a.value))),
    extra("ReusePort", |d, a, _| put(&mut d.socket().reuse_port, scalar::boolean(&a.value))),
    refused("SELinuxContextFromNet", Off::No, LSM),
    extra("SendBuffer", |d, a, _| s::buffer(&mut d.socket().send_buffer, a)).unless(Off::Empty),
    extra("Service", s::service),
    refused("SmackLabel", Off::Empty, LSM),
    refused("SmackLabelIPIn", Off::Empty, LSM),
    refused("SmackLabelIPOut", Off::Empty, LSM),
    extra("SocketGroup", |d, a, cx| put(&mut d.socket().socket_group, user(a, cx))).unless(Off::Empty),
    extra("SocketMode", |d, a, _| put(&mut d.socket().socket_mode, mode(a))),
    extra("SocketProtocol", s::protocol).unless(Off::Empty),
    extra("SocketUser", |d, a, cx| put(&mut d.socket().socket_user, user(a, cx))).unless(Off::Empty),
    extra("Symlinks", s::symlinks).unless(Off::Empty),
    extra("TCPCongestion", s::tcp_congestion).unless(Off::Empty),
    extra("TimeoutSec", |d, a, _| put(&mut d.socket().timeout, time::timeout(&a.value))),
    extra("Timestamping", s::timestamping),
    extra("Transparent", |d, a, _| put(&mut d.socket().transparent, scalar::boolean(&a.value))),
    extra("TriggerLimitBurst", |d, a, _| put(&mut d.socket().trigger_limit.burst, scalar::number(&a.value))),
    extra("TriggerLimitIntervalSec", |d, a, _| {
        put(&mut d.socket().trigger_limit.interval, time::span(&a.value))
    }),
    extra("Writable", |d, a, _| put(&mut d.socket().writable, scalar::boolean(&a.value))),
];
