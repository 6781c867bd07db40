# Completion of kakuri for bash: source <(kakuri completion bash)
_kakuri() {
    local line
    COMPREPLY=()
    # Each line is a word, a tab and what it is.
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("${1/#\~/$HOME}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    # A path follows.
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
# In the order they come, which bash before 4.4 does not know. Where nothing is offered, files are.
complete -o nosort -o bashdefault -o default -F _kakuri kakuri 2>/dev/null ||
    complete -o bashdefault -o default -F _kakuri kakuri
