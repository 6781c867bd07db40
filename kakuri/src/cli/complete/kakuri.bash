# Completion of kakuri for bash: source <(kakuri completion bash)
_kakuri() {
    local line at=
    COMPREPLY=()
    # Each line is a word, a tab and what it is; or a tab and where the command begins.
    while IFS= read -r line; do
        if [[ $line == $'\t'* ]]; then
            at=${line#$'\t'}
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <("${1/#\~/$HOME}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ $at ]] && declare -F _command_offset >/dev/null; then
        # bash-completion's: the command's own completion.
        _command_offset "$at"
    elif [[ $at == "$COMP_CWORD" ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$2" | sort -u)
    # A path follows.
    elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
# In the order they come, which bash before 4.4 does not know. Where nothing is offered, files are.
complete -o nosort -o bashdefault -o default -F _kakuri kakuri 2>/dev/null ||
    complete -o bashdefault -o default -F _kakuri kakuri
