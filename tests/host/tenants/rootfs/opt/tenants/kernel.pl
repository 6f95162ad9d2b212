# What a user can leave in the kernel besides files and System V objects, on x86_64: a key, a message queue, a name in no
# file system, and descriptors in the hands of somebody else.
use strict;
use Socket;

my ($add_key, $keyctl, $mq_open) = (248, 250, 240);
my ($search, $user_keyring) = (10, -4);
my ($what, $uid, @places) = @ARGV;
my ($type, $name, $secret) = ("user", "left-by-$uid", "secret");
my $queue = "left-by-$uid";

if ($what eq "leave") {
    print "keeps a key\n" if syscall($add_key, $type, $name, $secret, length $secret, $user_keyring) >= 0;
    print "keeps a queue\n" if syscall($mq_open, $queue, 0102, 0666, 0) >= 0;
} elsif ($what eq "hold") {
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die;
    bind($socket, pack_sockaddr_un("\0left-by-$uid")) or die;
    listen($socket, 1) or die;
    my @held = map { opendir(my $held, $_); $held } @places;
    sleep 1000;
} elsif ($what eq "look") {
    print "a key\n" if syscall($keyctl, $search, $user_keyring, $type, $name, 0) >= 0;
    print "a queue\n" if syscall($mq_open, $queue, 0, 0, 0) >= 0;
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die;
    print "a listener\n" if connect($socket, pack_sockaddr_un("\0left-by-$uid"));
}
