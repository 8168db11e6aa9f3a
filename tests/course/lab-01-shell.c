/*
 * Lab 1: run one command and report how it ended.
 *
 * Build: gcc -Wall -Wextra -O2 -o runone lab-01-shell.c
 * Use:   ./runone ls -l
 *
 * To do in the lab: print the run time in milliseconds, using CLOCK_MONOTONIC.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shell answers 127 for "not found" and 126 for "found, but not executable". */
#define EXIT_NOT_FOUND 127
#define EXIT_NOT_EXECUTABLE 126

/* Runs in the child. Never returns: either execvp() replaces the program or we leave with _exit().
 * exit() would be wrong here, because it would flush the parent's stdio buffers a second time. */
static void run_child(char **argv)
{
    execvp(argv[0], argv);
    int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    fprintf(stderr, "runone: %s: %s\n", argv[0], strerror(errno));
    _exit(status);
}

/* waitpid() can be interrupted by a signal handler; EINTR means try again. */
static int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) == -1) {
        if (errno != EINTR)
            return -1;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: runone COMMAND [ARGUMENT...]\n");
        return 2;
    }
    pid_t child = fork();
    if (child == -1) {
        perror("fork");
        return 1;
    }
    if (child == 0)
        run_child(argv + 1);

    int status = wait_for(child);
    if (WIFSIGNALED(status)) {
        /* Like a shell: 128 plus the signal number. */
        printf("killed by signal %d\n", WTERMSIG(status));
        return 128 + WTERMSIG(status);
    }
    printf("exit status %d\n", WEXITSTATUS(status));
    return WEXITSTATUS(status);
}
