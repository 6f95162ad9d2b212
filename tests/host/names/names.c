/* What a C library says of a user and a group: by name, by number, and the groups of the user. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	struct passwd *user = getpwnam(argv[2]);
	if (!user) {
		printf("%s %s is nobody, errno %d\n", argv[1], argv[2], errno);
		return 1;
	}
	uid_t uid = user->pw_uid;
	printf("%s %s has home %s shell %s\n", argv[1], user->pw_name, user->pw_dir, user->pw_shell);
	user = getpwuid(uid);
	struct group *group = getgrnam(argv[3]);
	gid_t gid = group ? group->gr_gid : (gid_t)-1;
	group = getgrgid(gid);
	gid_t groups[32];
	int count = 32;
	int found = getgrouplist(argv[2], gid, groups, &count);
	printf("%s %s is %s, in %s and %d more\n", argv[1], argv[2], user ? user->pw_name : "-", group ? group->gr_name : "-",
	       found < 0 ? -1 : count - 1);
	return 0;
}
