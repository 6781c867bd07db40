#compdef kakuri
# Completion of kakuri for zsh: source <(kakuri completion zsh), or as _kakuri in a folder of $fpath
_kakuri() {
    local -a described bare
    local line word at=
    while IFS= read -r line; do
        word=${line%%$'\t'*}
        if [[ -z $word ]]; then
            at=${line#$'\t'}
        elif [[ $word == *: ]]; then
            # A path follows.
            bare+=("$word")
        elif [[ $line == *$'\t'?* ]]; then
            described+=("${word//:/\\:}:${line#*$'\t'}")
        else
            described+=("${word//:/\\:}")
        fi
    done < <("${(Q)words[1]/#\~/$HOME}" completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if [[ -n $at ]]; then
        # The command has begun: as it would be completed alone.
        shift $at words
        (( CURRENT -= at ))
        _normal
        return
    fi
    if (( $#bare + $#described == 0 )); then
        _files
        return
    fi
    if (( $#bare )); then
        compadd -S '' -a bare
    else
        _describe -V 'kakuri' described
    fi
}
# Called by the completion system, or sourced.
if [[ ${funcstack[1]} == _kakuri ]]; then
    _kakuri "$@"
elif (( $+functions[compdef] )); then
    compdef _kakuri kakuri
fi
