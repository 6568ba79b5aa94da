namespace Postern.Configuration;

/// <summary>The property has no safe default and must be written. Read by the binder, the JSON schema and the reference table alike.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class RequiredAttribute(string example) : Attribute
{
    /// <summary>What one might write, as YAML: <c>[temporal-frontend:7233]</c>.</summary>
    public string Example => example;
}

/// <summary>Smallest and largest value, in the written form: <c>[Between("1m", "7d")]</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class BetweenAttribute(string least, string most) : Attribute
{
    public string Least => least;

    public string Most => most;
}

/// <summary>What a path must point to when the configuration is read.</summary>
internal enum PathKind { File, FileOrFolder, Folder }

/// <summary>
/// The string (or each of the strings) is a path. The binder makes it absolute, relative to the folder of the file that it stands in.
/// A <see cref="PathKind.Folder"/> may be missing (its owner creates it); the others must exist.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PathAttribute(PathKind kind = PathKind.File) : Attribute
{
    public PathKind Kind => kind;
}

/// <summary>
/// The record may be written as one word, which is the value of the named property; where that property is a bool, the word is its name
/// (<c>credential: none</c>).
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OneWordAttribute(string property) : Attribute
{
    public string Property => property;
}
