# What a user can leave in the kernel besides files and System V objects, on x86_64: a key, a message queue, a name in no
# file system, and descriptors in the hands of somebody else.
use strict;
use Fcntl;
use Socket;

my ($add_key, $keyctl, $mq_open, $sendmsg, $recvmsg) = (248, 250, 240, 46, 47);
my ($search, $user_keyring) = (10, -4);
my ($what, $uid, @places) = @ARGV;
my ($type, $name, $secret) = ("user", "left-by-$uid", "secret");
my $queue = "left-by-$uid";

$| = 1;

# struct msghdr for one byte and one descriptor: struct cmsghdr with SOL_SOCKET and SCM_RIGHTS. Its parts have to live on.
my ($byte, $control, $part) = ("x", pack("Q l l l x4", 20, 1, 1, -1));
sub message {
    $part = pack("P Q", $byte, 1);
    return pack("Q L x4 P Q P Q L x4", 0, 0, $part, 1, $control, length $control, 0);
}

if ($what eq "leave") {
    print "keeps a key\n" if syscall($add_key, $type, $name, $secret, length $secret, $user_keyring) >= 0;
    print "keeps a queue\n" if syscall($mq_open, $queue, 0102, 0666, 0) >= 0;
} elsif ($what eq "hold") {
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die;
    bind($socket, pack_sockaddr_un("\0left-by-$uid")) or die;
    listen($socket, 1) or die;
    my @held = map { opendir(my $held, $_); $held } @places;
    # Neighbours hand their directories over, to be kept for whoever asks.
    while (accept(my $from, $socket)) {
        while (syscall($recvmsg, fileno $from, message(), 0) > 0) {
            my $handed = (unpack "Q l l l", $control)[3];
            my $opened = sysopen(my $file, "/proc/self/fd/$handed/smuggled", O_WRONLY | O_CREAT);
            print "LEAVER ", $opened ? "CAN write through" : "holds", " a smuggled descriptor\n";
        }
    }
} elsif ($what eq "smuggle") {
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die;
    for (1 .. 100) {
        last if connect($socket, pack_sockaddr_un("\0left-by-$uid"));
        select undef, undef, undef, 0.05;
    }
    for (@places) {
        sysopen(my $place, $_, O_RDONLY | O_DIRECTORY) or die;
        $control = pack("Q l l l x4", 20, 1, 1, fileno $place);
        syscall($sendmsg, fileno $socket, message(), 0);
    }
} elsif ($what eq "look") {
    print "a key\n" if syscall($keyctl, $search, $user_keyring, $type, $name, 0) >= 0;
    print "a queue\n" if syscall($mq_open, $queue, 0, 0, 0) >= 0;
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die;
    print "a listener\n" if connect($socket, pack_sockaddr_un("\0left-by-$uid"));
}
